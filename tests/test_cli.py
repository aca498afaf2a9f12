"""What every command has in common."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fcn_edge.cli import main as cli
from fcn_edge.errors import DatasetError, UsageError


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_the_help_of_every_command_has_an_example(command, capsys):
    assert cli.main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"example:\n  fcn-edge {command}" in out
    assert "--quiet" in out
    assert "--debug" in out


def test_the_help_names_every_command(capsys):
    assert cli.main(["--help"]) == 0
    first_words = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("    ")}
    assert first_words >= set(cli.COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [([], "COMMAND"), (["fly"], "'fly'"), (["info"], "MODEL"), (["info", "--wings", "x"], "--wings")],
)
def test_wrong_usage_is_two_lines_and_exit_code_2(arguments, what, capsys):
    assert cli.main(arguments) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert what in error
    assert hint.startswith("hint: ")


def test_an_error_lists_its_faults_before_its_two_lines(monkeypatch, capsys):
    def fail(_args):
        raise DatasetError("data: 2 faults", hint="mend them", faults=["a.png: empty", "b.png: missing"])

    monkeypatch.setattr("fcn_edge.cli.commands.info.run", fail)
    assert cli.main(["info", "x"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "  a.png: empty",
        "  b.png: missing",
        "error: data: 2 faults",
        "hint: mend them",
    ]


def test_an_interrupt_is_exit_code_130_without_a_traceback(monkeypatch, capsys):
    def interrupt(_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("fcn_edge.cli.commands.info.run", interrupt)
    assert cli.main(["info", "x"]) == 130
    assert capsys.readouterr().err == "interrupted; no file is left half-written\n"


def test_debug_shows_the_traceback_and_keeps_the_exit_code(monkeypatch, capsys):
    def fail(_args):
        raise UsageError("bad", hint="mend")

    monkeypatch.setattr("fcn_edge.cli.commands.info.run", fail)
    assert cli.main(["info", "x", "--debug"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2:] == ["error: bad", "hint: mend"]


def test_quiet_keeps_a_result_that_is_asked_for_on_standard_output(capsys):
    assert cli.main(["models", "--json", "-", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "models"


def test_quiet_prints_nothing_else(capsys):
    assert cli.main(["models", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_a_reader_that_goes_away_ends_the_command_quietly():
    command = f"{sys.executable} -m fcn_edge --help | true"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_an_error_of_the_operating_system_is_two_lines(monkeypatch, capsys):
    def fail(_args):
        raise PermissionError(13, "Permission denied", "data/classes.txt")

    monkeypatch.setattr("fcn_edge.cli.commands.info.run", fail)
    assert cli.main(["info", "x"]) == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error == "error: data/classes.txt: Permission denied"
    assert hint.startswith("hint: ")


def test_a_fault_of_our_own_is_two_lines_too(monkeypatch, capsys):
    def fail(_args):
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("fcn_edge.cli.commands.info.run", fail)
    assert cli.main(["info", "x"]) == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error == "error: unexpected ZeroDivisionError: division by zero"
    assert "--debug" in hint
