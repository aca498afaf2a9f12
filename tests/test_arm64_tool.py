"""What ``tools/test_arm64`` says where it cannot run, and that it names tests that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / "tools" / "test_arm64"


def run_bare(folder, *arguments, **variables):
    """Run the tool where nothing is installed but the shell and what tells about the machine."""
    for name in ("bash", "dirname", "id", "uname"):
        (folder / name).symlink_to(shutil.which(name))
    return subprocess.run(
        [folder / "bash", TOOL, *arguments],
        env={"PATH": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("variables", "code"), [({}, 0), ({"CI": "true"}, 1)])
def test_without_an_emulator_it_warns_and_fails_in_ci_only(tmp_path, variables, code):
    done = run_bare(tmp_path, **variables)

    assert done.returncode == code
    assert "NOTHING WAS TESTED ON ARM64" in done.stderr


def test_it_refuses_an_option_that_it_does_not_know(tmp_path):
    done = run_bare(tmp_path, "--fast")

    assert (done.returncode, "hint: " in done.stderr) == (2, True)


@pytest.mark.parametrize("script", ["tools/test_arm64", "tools/arm64/make_root"])
def test_a_script_is_bash_that_stops_at_errors_and_may_be_run(script):
    assert subprocess.run(["/bin/bash", "-n", ROOT / script], check=False).returncode == 0
    assert "set -euo pipefail" in (ROOT / script).read_text(encoding="utf-8")
    assert (ROOT / script).stat().st_mode & 0o111


def test_it_runs_test_files_that_exist():
    text = TOOL.read_text(encoding="utf-8")
    lists = re.findall(r'^(?:runtimes|more)="([^"]+)"', text, re.MULTILINE)
    names = " ".join(lists).split()

    assert len(lists) == 2
    assert not [name for name in names if not (ROOT / "tests" / f"{name}.py").is_file()]
