#!/usr/bin/env python3
"""What idle connections cost `shimmy serve` in memory.

Usage: idle_connections.py URL PID [COUNT=1000]      each connection has had one answer
"""

import http.client
import pathlib
import re
import sys
import urllib.parse


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


def main():
    address, pid = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    before = resident_bytes(pid)
    connections = []
    for _ in range(count):
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
        connection.request("GET", "/health")
        connection.getresponse().read()
        connections.append(connection)
    after = resident_bytes(pid)
    print(f"{count} idle connections: {(after - before) / 1e6:.1f} MB more, {after / 1e6:.1f} MB resident in all")
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    main()
