"""What the end-to-end tests in Python share: the program under test, the shared data, a home of their own."""

import os
import pathlib
import subprocess
import sys
import tempfile

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
