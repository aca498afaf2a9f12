"""A camera in a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_KB = 1024
_TOOLS = Path(__file__).resolve().parent.parent
_MB = 1_000_000


class CameraProcess:
    """``fcn-edge camera`` as a user starts it.

    Args:
        arguments: Behind ``camera``.
        work: Folder for its report.
        program: What is run in place of ``fcn_edge camera``; takes ``--json`` as well.
    """

    def __init__(self, arguments: Sequence[str], work: Path, program: Sequence[str] = ("fcn_edge", "camera")) -> None:
        self._report = work / "camera.json"
        self._report.unlink(missing_ok=True)
        command = [sys.executable, "-m", *program, *arguments, "--json", str(self._report)]
        paths = (_TOOLS.parent, _TOOLS, os.environ.get("PYTHONPATH"))
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(path) for path in paths if path)}
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env)
        self._told: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> CameraProcess:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(self, *error: object) -> None:
        # A proof that fails or is interrupted leaves no camera behind.
        if self.running:
            self.kill()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def told(self, word: str, seconds: float = 20.0) -> str:
        """Wait for a line with *word* on standard error."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            for line in list(self._told):
                if word in line:
                    return line
            time.sleep(0.02)
        raise TimeoutError(f"the camera did not tell {word!r}: {self._told}")

    def end(self) -> dict[str, Any]:
        """End it as a user would; give its report."""
        if self.running:
            self._process.send_signal(signal.SIGINT)
        return self.wait(30.0)

    def wait(self, seconds: float) -> dict[str, Any]:
        """Wait for its end; give its report."""
        code = self._process.wait(seconds)
        if code != 0:
            raise RuntimeError(f"the camera ended with {code}: {self._told}")
        content: dict[str, Any] = json.loads(self._report.read_text(encoding="utf-8"))
        return content

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def resident_mb(self) -> float:
        """Memory in RAM now, in MB of 1,000,000 bytes."""
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(text.split("VmRSS:")[1].split()[0]) * _KB / _MB

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        """How many threads it has."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def holds(self) -> tuple[int, int, float]:
        """Give what a leak would make grow: descriptors, threads, MB of resident memory."""
        return self.descriptors(), self.threads(), round(self.resident_mb(), 2)

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self._told.append(line.rstrip())
