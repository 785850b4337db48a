#!/usr/bin/env python3
"""The doors of `shimmy serve` from outside, with the clients of others: UNIX-domain socket, TLS, key file.

Usage: surface_test.py BINARY
"""

import http.client
import json
import os
import resource
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import unittest

from support import Program, Server

BINARY = sys.argv[1]
CHAT = json.dumps({"model": "shimmy-guide", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]})
JSON_TYPE = {"Content-Type": "application/json"}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(connection, method, path, body=None, headers=None):
    connection.request(method, path, body, headers or (JSON_TYPE if body else {}))
    reply = connection.getresponse()
    return reply, reply.read().decode()


class SurfaceTest(unittest.TestCase):
    def setUp(self):
        self.shimmy = Program(BINARY)
        self.addCleanup(self.shimmy.folder.cleanup)

    def start(self, *arguments, env=None, limits=None):
        server = Server(self.shimmy, *arguments, env=env, limits=limits)
        self.addCleanup(server.close)
        return server

    def refused(self, *arguments):
        done = self.shimmy.run("serve", *arguments, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr


class Trailers(SurfaceTest):
    STREAM = json.dumps(json.loads(CHAT) | {"stream": True})

    def test_the_times_of_a_stream_follow_it(self):
        server = self.start()
        done = subprocess.run(["curl", "-sS", "-N", "-D", "-", "-H", "Content-Type: application/json", "-d", self.STREAM,
                               server.url + "/v1/chat/completions"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        head, rest = done.stdout.split("\n\n", 1)
        self.assertIn("Trailer: Server-Timing", head)
        self.assertRegex(head, r"Server-Timing: queue;dur=[0-9.]+\n")
        self.assertRegex(rest, r"Server-Timing: queue;dur=[0-9.]+, prompt;dur=[0-9.]+, decode;dur=[0-9.]+\n")

    def test_a_client_that_knows_no_trailers_goes_on(self):
        server = self.start()
        connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rsplit(":", 1)[1]), timeout=60)
        self.addCleanup(connection.close)
        for _ in range(3):
            reply, body = ask(connection, "POST", "/v1/chat/completions", self.STREAM)
            self.assertEqual(reply.status, 200)
            self.assertTrue(body.endswith("data: [DONE]\n\n"), body)
        self.assertEqual(ask(connection, "GET", "/health")[0].status, 200)


class UnixSocket(SurfaceTest):
    def setUp(self):
        super().setUp()
        self.path = str(self.shimmy.home / "shimmy.sock")

    def status(self, path):
        connection = UnixConnection(self.path)
        self.addCleanup(connection.close)
        return ask(connection, "GET", path)[0].status

    def test_serves_and_is_removed(self):
        server = self.start("--unix-socket", self.path)
        self.assertIn(f"unix:{self.path}", server.banner)
        self.assertIsNone(server.url)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        connection = UnixConnection(self.path)
        self.assertEqual(json.loads(ask(connection, "GET", "/health")[1])["status"], "ok")
        reply, body = ask(connection, "POST", "/v1/chat/completions", CHAT)
        self.assertEqual(reply.status, 200)
        self.assertTrue(json.loads(body)["choices"][0]["message"]["content"])
        connection.close()
        curl = next(line for line in server.banner.splitlines() if line.startswith("curl "))
        done = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=120, check=False)
        self.assertIn("chat.completion", done.stdout)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_a_killed_server_does_not_stand_in_the_way(self):
        first = self.start("--unix-socket", self.path)
        busy = self.refused("--unix-socket", self.path)
        self.assertIn("another process listens on it", busy)
        first.stop(signal.SIGKILL)
        self.assertTrue(os.path.exists(self.path))
        self.start("--unix-socket", self.path)
        self.assertEqual(self.status("/live"), 200)

    def test_a_file_stays(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("precious")
        self.assertIn("no socket lies there", self.refused("--unix-socket", self.path))
        self.assertEqual(os.path.getsize(self.path), 8)

    def test_a_port_beside_it(self):
        server = self.start("--unix-socket", self.path, "--bind", "127.0.0.1:0")
        self.assertEqual(server.get("/health")["status"], "ok")
        self.assertEqual(self.status("/health"), 200)


class Tls(SurfaceTest):
    def certificate(self, name):
        files = [str(self.shimmy.home / f"{name}.{kind}") for kind in ("crt", "key")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "30",
                        "-out", files[0], "-keyout", files[1]], check=True, capture_output=True, timeout=60)
        return files

    def test_python_and_curl(self):
        cert, key = self.certificate("a")
        server = self.start("--tls-cert", cert, "--tls-key", key)
        self.assertTrue(server.url.startswith("https://127.0.0.1:"), server.banner)
        port = int(server.url.rsplit(":", 1)[1])
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=ssl.create_default_context(cafile=cert))
        for _ in range(3):
            reply, body = ask(connection, "POST", "/v1/chat/completions", CHAT)
            self.assertEqual(reply.status, 200, body)
        connection.close()
        done = subprocess.run(["curl", "--silent", "--cacert", cert, server.url + "/health"], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(json.loads(done.stdout)["status"], "ok")
        with self.assertRaises(ssl.SSLError):
            http.client.HTTPSConnection("127.0.0.1", port, timeout=60).request("GET", "/health")
        reply, body = ask(http.client.HTTPConnection("127.0.0.1", port, timeout=60), "GET", "/health")
        self.assertEqual(reply.status, 400)
        self.assertIn("https://", body)
        self.assertEqual(server.stop(), 0)

    def test_the_certificate_is_read_again_at_sighup(self):
        cert, key = self.certificate("a")
        server = self.start("--tls-cert", cert, "--tls-key", key)
        port = int(server.url.rsplit(":", 1)[1])

        def served():
            return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port), timeout=60))

        def in_file():
            return ssl.PEM_cert_to_DER_cert(open(cert, encoding="ascii").read())

        self.assertEqual(served(), in_file())
        self.certificate("a")
        self.assertNotEqual(served(), in_file())
        server.process.send_signal(signal.SIGHUP)
        self.assertTrue(any(served() == in_file() or time.sleep(0.01) for _ in range(1000)))
        self.assertEqual(server.stop(), 0)

    def test_faulty_files_are_told(self):
        cert, key = self.certificate("a")
        other_key = self.certificate("b")[1]
        self.assertIn("--tls-key", self.refused("--tls-cert", cert))
        self.assertIn("gone.pem: the file cannot be read", self.refused("--tls-cert", "gone.pem", "--tls-key", key))
        self.assertIn("not the key of the certificate", self.refused("--tls-cert", cert, "--tls-key", other_key))


class Descriptors(SurfaceTest):
    def test_out_of_descriptors_those_served_go_on_and_others_wait(self):
        limit = 64
        server = self.start(limits={resource.RLIMIT_NOFILE: (limit, limit)})
        address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        request = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"
        first = socket.create_connection(address, timeout=30)
        first.sendall(request)
        self.assertIn(b" 200 ", first.recv(4096))
        others = [socket.create_connection(address, timeout=30) for _ in range(2 * limit)]
        first.sendall(request)
        self.assertIn(b" 200 ", first.recv(4096))
        last = others.pop()
        last.sendall(request)
        for connection in others:
            connection.close()
        self.assertIn(b" 200 ", last.recv(4096))
        for connection in (first, last):
            connection.close()
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.errors.count("cannot accept connections"), 1)


class Keys(SurfaceTest):
    def test_key_file_is_read_again_at_sighup(self):
        file = self.shimmy.home / "keys.txt"
        file.write_text("ann:first rpm=1\n")
        server = self.start("--api-key-file", str(file))
        port = int(server.url.rsplit(":", 1)[1])

        def status(key):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            self.addCleanup(connection.close)
            return ask(connection, "GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})[0].status

        def eventually(key, expected):
            for _ in range(1000):
                if status(key) == expected:
                    return True
                time.sleep(0.01)
            return False

        self.assertEqual((status("first"), status("second")), (200, 401))
        file.write_text("bob:second\n")
        server.process.send_signal(signal.SIGHUP)
        self.assertTrue(eventually("second", 200))
        self.assertEqual(status("first"), 401)
        file.write_text("bob:third rpm=none\n")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        self.assertEqual(status("second"), 200)
        self.assertEqual(server.stop(), 0)
        self.assertIn("line 1", server.errors)

    def test_no_key_is_ever_repeated(self):
        right, wrong = "sk-right-4711", "sk-wrong-0815"
        server = self.start("--api-key", right, env={"SHIMMY_LOG_LEVEL": "debug"})
        connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rsplit(":", 1)[1]), timeout=60)
        self.addCleanup(connection.close)
        said = server.banner
        for key, expected in ((right, 200), (wrong, 401)):
            for headers in ({"Authorization": f"Bearer {key}"}, {"x-api-key": key}):
                for method, path, body, status in (("GET", "/v1/models", None, 200), ("GET", "/nope", None, 404),
                                                   ("POST", "/v1/chat/completions", "{", 400)):
                    reply, text = ask(connection, method, path, body, headers | JSON_TYPE)
                    self.assertEqual(reply.status, status if expected == 200 else 401, f"{method} {path} {text}")
                    said += text + str(reply.headers)
        connection.close()
        self.assertEqual(server.stop(), 0)
        for key in (right, wrong):
            self.assertNotIn(key, said + server.errors)

    def test_strangers_make_no_series_of_figures(self):
        server = self.start()
        connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rsplit(":", 1)[1]), timeout=60)
        self.addCleanup(connection.close)

        def series():
            lines = ask(connection, "GET", "/metrics")[1].splitlines()
            return [line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#")]

        reply, _ = ask(connection, "POST", "/v1/chat/completions", CHAT)
        self.assertEqual(reply.status, 200)
        before = series()
        self.assertGreater(len(before), 5)
        for i in range(50):
            strange = json.dumps(json.loads(CHAT) | {"model": f"stranger-{i}"})
            self.assertEqual(ask(connection, "POST", "/v1/chat/completions", strange)[0].status, 404)
            self.assertEqual(ask(connection, "GET", f"/stranger/{i}")[0].status, 404)
        self.assertEqual(series(), before)

    def test_origins_are_named(self):
        self.assertIn("not an origin", self.refused("--allowed-origins", "*"))
        server = self.start("--allowed-origins", "https://app.example,https://b.example:8443")
        connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rsplit(":", 1)[1]), timeout=60)
        self.addCleanup(connection.close)
        reply = ask(connection, "GET", "/health", headers={"Origin": "https://b.example:8443"})[0]
        self.assertEqual(reply.headers["Access-Control-Allow-Origin"], "https://b.example:8443")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
