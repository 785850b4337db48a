"""What the end-to-end tests in Python share: the program under test, the shared data, a home of their own."""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import urllib.request

SKIPPED = 77  # CTest's SKIP_RETURN_CODE


def data_dir():
    """The shared test data; without it the test is skipped by name, and fails where CI is set."""
    folder = os.environ.get("SHIMMY_TEST_DATA")
    if folder:
        return pathlib.Path(folder)
    print("SHIMMY_TEST_DATA is not set: this test needs the shared test data")
    sys.exit(1 if os.environ.get("CI") else SKIPPED)


def clean_environment(home):
    """An environment in which no variable and no folder of this machine names a model."""
    keep = ("PATH", "LD_LIBRARY_PATH", "LANG")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    return environment | {"HOME": str(home), "NO_COLOR": "1"}


class Program:
    """`shimmy` in an empty home and an empty working folder."""

    def __init__(self, binary):
        self.binary = str(pathlib.Path(binary).resolve())
        self.folder = tempfile.TemporaryDirectory(prefix="shimmy-test-")
        self.home = pathlib.Path(self.folder.name)

    def run(self, *arguments, env=None, stdin="", timeout=120):
        return subprocess.run(
            [self.binary, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=timeout,
            cwd=self.home, env=clean_environment(self.home) | (env or {}), check=False,
        )


class Server:
    """A running server; its banner is read up to the line that ends it."""

    def __init__(self, shimmy, *arguments, env=None, limits=None):
        environment = clean_environment(shimmy.home) | (env or {})

        def set_limits():
            for which, values in limits.items():
                resource.setrlimit(which, values)

        self.process = subprocess.Popen([shimmy.binary, "serve", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, cwd=shimmy.home, env=environment, preexec_fn=set_limits if limits else None)
        self.banner = ""
        for line in self.process.stdout:
            self.banner += line
            if "Ctrl+C" in line:
                break
        match = re.search(r"https?://\S+:\d+", self.banner)
        self.url = match.group(0) if match else None

    def get_text(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return reply.read().decode()

    def get(self, path):
        return json.loads(self.get_text(path))

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.load(reply)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def close(self):
        """For the end of a test, whatever has happened."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
