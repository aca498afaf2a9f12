"""``tools/test_mediapipe`` where it cannot do its work; what it does with MediaPipe is its own test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[1] / "tools" / "test_mediapipe"

pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="tools are not tested with the built wheel")


def test_an_environment_that_cannot_be_made_is_told_in_two_lines(tmp_path):
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, str(TOOL), "--env", str(tmp_path / "file" / "env")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith(f"error: {tmp_path / 'file' / 'env'}: no environment could be made there")
    assert hint.startswith("hint:  ")
    assert "Traceback" not in done.stderr
