#!/usr/bin/env python3
"""`shimmy serve` from outside: the banner, what it says works, start-up time and memory, variables, signals.

Usage: serve_test.py BINARY
"""

import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.error

from support import Program, Server, clean_environment

BINARY = sys.argv[1]
STARTUP_SECONDS_MAX = 0.100
MEMORY_BYTES_MAX = 50 << 20
GUIDE_BYTES_MAX = 8 << 20


class Serve(unittest.TestCase):
    def setUp(self):
        self.shimmy = Program(BINARY)
        self.addCleanup(self.shimmy.folder.cleanup)
        self.servers = []

    def tearDown(self):
        for server in self.servers:
            server.close()

    def start(self, *arguments, env=None):
        self.servers.append(Server(self.shimmy, *arguments, env=env))
        return self.servers[-1]

    def test_banner_and_pasted_curl_line(self):
        server = self.start()
        lines = server.banner.splitlines()
        self.assertIn(server.url, lines[0])
        self.assertIn("shimmy-guide", server.banner)
        self.assertIn("1,024 tokens", server.banner)
        self.assertIn(f"{server.url}/v1", server.banner)
        self.assertNotIn("\x1b", server.banner)
        curl = next(line for line in lines if line.startswith("curl "))
        done = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=120, check=False)
        content = json.loads(done.stdout)["choices"][0]["message"]["content"]
        self.assertRegex(content, r"[A-Za-z]+ [a-z]+ [a-z]+")
        self.assertEqual(server.stop(), 0)

    def test_a_machine_with_no_models_has_the_guide(self):
        server = self.start()
        self.assertEqual([model["id"] for model in server.get("/v1/models")["data"]], ["shimmy-guide"])

    def test_unknown_model_is_404(self):
        server = self.start()
        with self.assertRaises(urllib.error.HTTPError) as caught:
            server.post("/v1/chat/completions", {"model": "gone", "messages": [{"role": "user", "content": "x"}]})
        self.assertEqual(caught.exception.code, 404)
        self.assertIn("shimmy-guide", json.load(caught.exception)["error"]["message"])

    def test_the_page_of_metrics_has_every_figure(self):
        server = self.start()
        body = {"model": "shimmy-guide", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
        server.post("/v1/chat/completions", body)
        text = server.get_text("/metrics")
        told = re.findall(r"# HELP (\S+) (.*)\n# TYPE \S+ (\S+)\n\S+ (?:[0-9.e+-]+)\n", text)
        self.assertEqual(len(told), text.count("# HELP"))
        page = (pathlib.Path(__file__).parents[1] / "docs" / "METRICS.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `(\S+)` \| (\S+) \| (.*) \|$", page, re.MULTILINE)
        self.assertEqual([(name, kind, what) for name, what, kind in told], rows)
        self.assertIn('shimmy_completion_tokens_total{model="shimmy-guide"} 3\n', text)

    def test_second_server_takes_the_next_port(self):
        first, second = self.start(), self.start()
        self.assertNotEqual(first.url, second.url)
        self.assertEqual(second.get("/health")["status"], "ok")

    def test_a_draft_model_changes_nothing_but_the_speed(self):
        plain = self.start("--speculate", "off")
        drafted = self.start("--speculate", "always", "--draft-model", "shimmy-guide", "--draft-max", "4")
        for sampling in ({"temperature": 0}, {"temperature": 1, "seed": 5}):
            body = {"model": "shimmy-guide", "prompt": "Shimmy is", "max_tokens": 60} | sampling
            want, got = plain.post("/v1/completions", body), drafted.post("/v1/completions", body)
            self.assertEqual(got["choices"], want["choices"])
            self.assertNotIn("draft_n", want["timings"])
            self.assertGreater(got["timings"]["draft_n_accepted"], 5)
            self.assertLessEqual(got["timings"]["draft_n_accepted"], got["timings"]["draft_n"])
        self.assertEqual(drafted.stop(), 0)
        self.assertRegex(drafted.errors, r"shimmy-guide guesses, with [0-9.]+ \w+ of its own for [0-9]+ tokens")

    def test_a_draft_model_that_is_not_there(self):
        server = self.start("--draft-model", "/nowhere/small.gguf")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            server.post("/v1/completions", {"model": "shimmy-guide", "prompt": "x"})
        self.assertIn("/nowhere/small.gguf", json.load(caught.exception)["error"]["message"])

    def test_address_from_options_and_variables(self):
        def free_port():
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                return probe.getsockname()[1]
        port, other = free_port(), free_port()
        self.assertEqual(self.start(env={"SHIMMY_PORT": str(port)}).url, f"http://127.0.0.1:{port}")
        server = self.start("--bind", f"127.0.0.1:{other}", env={"SHIMMY_PORT": str(port), "SHIMMY_BIND_ADDRESS": "x"})
        self.assertEqual(server.url, f"http://127.0.0.1:{other}")
        busy = self.shimmy.run("serve", "--bind", f"127.0.0.1:{other}")
        self.assertEqual(busy.returncode, 1)
        self.assertIn(str(other), busy.stderr)

    def test_named_files(self):
        done = self.shimmy.run("serve", "--model-path", "gone.gguf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("gone.gguf: no such file", done.stderr)
        server = self.start(env={"SHIMMY_BASE_GGUF": "/nowhere/x.gguf", "SHIMMY_MAX_CTX": "7"})
        self.assertEqual(server.stop(), 0)
        self.assertIn("SHIMMY_BASE_GGUF=/nowhere/x.gguf: no such file", server.errors)
        self.assertIn("SHIMMY_MAX_CTX=7", server.errors)

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.assertEqual(self.start().stop(number), 0)

    def test_a_second_signal_ends_it_at_once(self):
        server = self.start()
        port = int(server.url.rsplit(":", 1)[1])
        body = json.dumps({"model": "shimmy-guide", "prompt": "Shimmy is", "max_tokens": 900, "n": 16, "temperature": 1,
                           "stream": True, "logit_bias": {"0": -100}}).encode()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self.assertIn(b"200 OK", client.recv(4096))
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            self.assertEqual(server.stop(signal.SIGTERM), 0)
        self.assertIn("stopping at once", server.errors)

    def test_a_killed_server_leaves_its_port_free(self):
        server = self.start()
        address = server.url.removeprefix("http://")
        self.assertEqual(server.stop(signal.SIGKILL), -signal.SIGKILL)
        for _ in range(5):
            again = self.start("--bind", address)
            self.assertEqual(again.get("/health")["status"], "ok")
            self.assertEqual(again.stop(signal.SIGKILL), -signal.SIGKILL)

    def test_start_up_time_and_memory(self):
        """From process start to the first /health answer, the best of five; memory after answering a chat request."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        best = min(self.time_to_health(port) for _ in range(5))
        self.assertLessEqual(best, STARTUP_SECONDS_MAX)
        server = self.start()
        server.post("/v1/chat/completions",
                    {"model": "shimmy-guide", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]})
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024
        self.assertLessEqual(resident, MEMORY_BYTES_MAX + GUIDE_BYTES_MAX)
        print(f"\nfirst /health after {best * 1e3:.0f} ms; {resident / 1e6:.1f} MB resident after a chat", file=sys.stderr)

    def time_to_health(self, port):
        request = f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
        start = time.monotonic()
        process = subprocess.Popen([self.shimmy.binary, "serve", "--bind", f"127.0.0.1:{port}"], cwd=self.shimmy.home,
                                   env=clean_environment(self.shimmy.home), stdout=subprocess.DEVNULL)
        try:
            while time.monotonic() - start < 10:
                try:
                    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                        connection.sendall(request)
                        if b" 200 " in connection.recv(64):
                            return time.monotonic() - start
                except ConnectionRefusedError:
                    time.sleep(0.001)
            self.fail("no answer from /health")
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
