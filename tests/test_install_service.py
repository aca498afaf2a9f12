"""tools/install_service: the file it writes for systemd, and what it does with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parent.parent / "tools" / "install_service"

# A device test runs away from the repository, with the tests alone.
pytestmark = [
    pytest.mark.skipif(not TOOL.exists(), reason="the tools are not beside the tests"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="this system has no bash"),
]


@pytest.fixture
def run(tmp_path):
    """Runs the tool in a home of its own, with programs on PATH that note how they were called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    scripts = {
        "fcn-edge": "exit 0",
        "systemctl": '[ "$1" = --version ] && { echo "systemd ${FAKE_SYSTEMD:-252} (252-1)"; exit 0; }\n'
        f'echo "systemctl $*" >> {tmp_path}/calls',
        "systemd-analyze": f'echo "systemd-analyze $*" >> {tmp_path}/calls',
    }
    for name, body in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    (tmp_path / "work here").mkdir()

    def call(*arguments, **environ):
        return subprocess.run(
            [shutil.which("bash"), str(TOOL), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path / "work here",
            env={"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path / "home"), **environ},
        )

    call.calls = lambda: (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
    call.unit = tmp_path / "home/.config/systemd/user/fcn-edge-camera.service"
    call.folder = tmp_path / "work here"
    call.programs = programs
    return call


def settings(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def words(command: str) -> list[str]:
    """Read a command line as systemd.service(5) says: quotes, C escapes, and %% for a per cent sign."""
    found = []
    for word in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', command):
        plain = word[1:-1] if word.startswith('"') else word
        text = re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), plain)
        assert re.search(r"%(?!%)", text.replace("%%", "")) is None, "a specifier is left in it"
        found.append(text.replace("%%", "%"))
    return found


ODD = ["a b", "$HOME ${HOME}", "100%h", 'say "no"', "it's", "back\\slash", "line\nbreak\ttab", "ümlaut", "@EXEC@", ""]


def test_arguments_reach_the_camera_as_they_were_typed(run):
    done = run("--print", "people", *ODD)
    (command,) = settings(done.stdout)["ExecStart"]
    # The colon turns off what systemd does with $.
    assert command.startswith(":")
    assert words(command[1:]) == [str(run.programs / "fcn-edge"), "camera", "people", *ODD]


def test_a_service_is_restarted_and_watched_and_needs_no_root(run):
    found = settings(run("--print", "people").stdout)
    assert found["Type"] == ["notify"]
    assert found["Restart"] == ["always"]
    assert found["WatchdogSec"] == ["30"]
    assert found["NoNewPrivileges"] == ["yes"]
    assert found["StartLimitIntervalSec"] == ["0"]
    assert found["WantedBy"] == ["default.target"]
    assert found["WorkingDirectory"] == [str(run.folder)]
    assert "User" not in found


@pytest.mark.parametrize(("systemd", "steps"), [("249", None), ("252", None), ("254", ["6"]), ("257", ["6"])])
def test_pauses_grow_where_systemd_can_do_it(run, systemd, steps):
    assert settings(run("--print", "people", FAKE_SYSTEMD=systemd).stdout).get("RestartSteps") == steps


def test_the_file_system_is_read_only_but_for_what_the_camera_writes(run):
    arguments = [
        "people",
        "--record",
        "/srv/my films/a.mkv",
        "--jsonl=log.jsonl",
        "--masks",
        "/srv/masks",
        "--json",
        "-",
    ]
    found = settings(run("--print", "--sandbox", "yes", "--writable", "/srv/more", *arguments).stdout)
    assert found["ProtectSystem"] == ["strict"]
    # Before systemd 253 nothing of it works in a user's services without this.
    assert found["PrivateUsers"] == ["yes"]
    expected = ["/srv/more", "/srv/my films", str(run.folder), "/srv/masks"]
    assert [word for value in found["ReadWritePaths"] for word in words(value)] == expected


def test_csi_cameras_keep_the_socket_in_tmp(run):
    assert "PrivateTmp" in settings(run("--print", "--sandbox", "yes", "people", "--source", "0").stdout)
    assert "PrivateTmp" not in settings(run("--print", "--sandbox", "yes", "people", "--source", "csi").stdout)


def test_without_user_namespaces_nothing_is_promised(run):
    found = settings(run("--print", "--sandbox", "no", "people").stdout)
    assert not {"ProtectSystem", "PrivateUsers", "PrivateTmp", "ReadWritePaths"} & set(found)
    assert found["NoNewPrivileges"] == ["yes"]


def test_a_limit_of_memory_is_set_when_asked_for(run):
    assert settings(run("--print", "--memory", "500M", "people").stdout)["MemoryMax"] == ["500M"]
    assert "MemoryMax" not in settings(run("--print", "people").stdout)


def test_printing_changes_nothing(run):
    assert run("--print", "people").returncode == 0
    assert not run.unit.exists()
    assert run.calls() == []


def test_installing_writes_the_file_starts_the_service_and_names_the_one_line_for_root(run):
    done = run("people", "--record", "films/a.mkv")
    assert done.returncode == 0, done.stderr
    assert f'ExecStart=:{run.programs}/fcn-edge camera "people"' in run.unit.read_text()
    assert (run.folder / "films").is_dir()
    assert run.calls() == [
        f"systemd-analyze --user verify {run.unit}",
        "systemctl --user daemon-reload",
        "systemctl --user enable fcn-edge-camera.service",
        "systemctl --user restart fcn-edge-camera.service",
    ]
    assert "sudo loginctl enable-linger" in done.stdout


def test_several_cameras_have_names_and_are_removed_by_them(run):
    for name in ("front", "back.service"):
        assert run("--name", name, "people").returncode == 0
    folder = run.unit.parent
    assert sorted(path.name for path in folder.iterdir()) == ["back.service", "front.service"]
    assert run("--uninstall", "--name", "front").returncode == 0
    assert [path.name for path in folder.iterdir()] == ["back.service"]
    assert "systemctl --user disable --now front.service" in run.calls()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "MODEL is missing"),
        (["--name", "../x", "people"], "--name ../x"),
        (["--memory", "lots", "people"], "--memory lots"),
        (["--sandbox", "maybe", "people"], "--sandbox maybe"),
        (["--command", "/no/such/program", "people"], "/no/such/program"),
        (["--record", "x.mkv", "people"], "--record: no such option"),
        (["--name"], "--name needs a value"),
        (["--uninstall"], "there is no such service"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_two_lines(run, arguments, what):
    done = run(*arguments)
    assert done.returncode == 2
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert what in error
    assert hint.startswith("hint: ")
    assert not run.unit.exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("sandbox", ["yes", "no"])
def test_systemd_itself_finds_nothing_wrong_with_it(run, tmp_path, sandbox):
    text = run(
        "--print", "--sandbox", sandbox, "people", "--source", 'a "b" $x 100%h', "--record", "/srv/a b/c.mkv"
    ).stdout
    unit = tmp_path / "fcn-edge-test.service"
    unit.write_text(text)
    done = subprocess.run(
        [shutil.which("systemd-analyze"), "--user", "verify", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    # Where no user's manager can be simulated, as in some containers, nothing is said of the file.
    if "Failed to initialize manager" in done.stderr:
        pytest.skip("systemd-analyze does not run here")
    assert "fcn-edge-test" not in done.stderr
    assert done.returncode == 0, done.stderr
