"""What the README tells people to type is understood, and what it points to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fcn_edge.cli import main as cli

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"

# A device test runs away from the repository, with the tests alone.
pytestmark = pytest.mark.skipif(not README.exists(), reason="the README is not beside the tests")


def commands():
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("fcn-edge ")]


@pytest.mark.parametrize("line", commands())
def test_every_command_in_the_readme_has_arguments_that_exist(line):
    args = cli._parse(shlex.split(line, comments=True)[1:])
    assert args.command in cli.COMMANDS


def test_the_readme_has_commands():
    assert len(commands()) >= 7


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", README.read_text("utf-8") if README.exists() else ""))
def test_every_file_the_readme_points_to_is_there(target):
    assert (ROOT / target).exists()
