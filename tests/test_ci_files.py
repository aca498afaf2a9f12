"""What continuous integration runs: files that parse, commands that exist, inputs that are never read as commands."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fcn_edge.cli.main import _parse
from fcn_edge.dataset import open_folder
from fcn_edge.model_file import read_card, write_card

ROOT = Path(__file__).resolve().parents[1]
ACTION = ROOT / ".github" / "actions" / "gate"
WORKFLOW = ROOT / ".github" / "workflows" / "gate.yml"
GITLAB = ROOT / ".github" / "examples" / "gitlab-ci.yml"
YAML_FILES = sorted((ROOT / ".github").rglob("*.yml"))
SCRIPTS = [*sorted((ROOT / ".github").rglob("*.sh")), ROOT / ".ci" / "run", ROOT / "tools" / "gate_shipped"]

GIT = shutil.which("git") or "git"
MODEL = "models/nuclei/nuclei.int8.tflite"
EVIL = "a b'\"; touch caught; $(touch caught) `touch caught` --strict"
VERDICT = "inconclusive"
# Stands in for fcn-edge: notes what it was called with, writes what is asked for, and ends as told.
STAND_IN = f"""#!{sys.executable}
import json, os, sys
with open("called.json", "w") as file:
    json.dump(sys.argv[1:], file)
for argument in sys.argv:
    name, _, path = argument.partition("=")
    if name == "--markdown" and path:
        open(path, "w").write("# the page\\n")
    if name == "--json" and path:
        open(path, "w").write('{{"verdict": "{VERDICT}"}}')
sys.exit(int(os.environ.get("END", "0")))
"""


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def parts(value, key=None):
    """Walk through all strings of a YAML file, each with the key it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from parts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from parts(inner, key)
    elif isinstance(value, str):
        yield key, value


@pytest.fixture
def stage(tmp_path):
    """A folder to run scripts in, with a stand-in for fcn-edge and git first on the PATH."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "fcn-edge").write_text(STAND_IN)
    (tools / "git").write_text("#!/bin/sh\necho content of a model\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    return tmp_path


def run_script(command, folder, **variables):
    env = {
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "output.txt"),
        **variables,
    }
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def called(folder):
    return json.loads((folder / "called.json").read_text())


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_a_yaml_file_is_a_mapping_without_tabs(path):
    assert isinstance(read(path), dict)
    assert "\t" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_nothing_is_put_into_a_script_before_the_shell_reads_it(path):
    """A branch may be called ``$(curl …)``; as a variable it is only text."""
    scripts = [text for key, text in parts(read(path)) if key in ("run", "script", "before_script")]

    assert not [text for text in scripts if "${{" in text]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_bash_that_stops_at_errors_and_may_be_run(path):
    assert subprocess.run(["/bin/bash", "-n", path], check=False).returncode == 0
    assert "set -euo pipefail" in path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)


def test_the_action_declares_the_inputs_that_it_uses_and_uses_those_that_it_declares():
    action = read(ACTION / "action.yml")
    used = re.findall(r"inputs\.([\w-]+)", json.dumps(action["runs"]))

    assert set(used) == set(action["inputs"])


def test_the_actions_scripts_read_the_variables_that_it_sets():
    steps = {step["name"]: step for step in read(ACTION / "action.yml")["runs"]["steps"] if "name" in step}
    for name, script in (("Gate", "gate.sh"), ("Install fcn-edge", "install.sh")):
        text = (ACTION / script).read_text(encoding="utf-8")
        assert script in steps[name]["run"]
        assert set(re.findall(r"GATE_[A-Z]+", text)) == set(steps[name]["env"])


def test_the_workflow_gives_the_action_inputs_that_it_has():
    inputs = read(ACTION / "action.yml")["inputs"]
    (step,) = [s for s in read(WORKFLOW)["jobs"]["gate"]["steps"] if s.get("uses") == "./.github/actions/gate"]

    assert set(step["with"]) <= set(inputs)
    assert {name for name, spec in inputs.items() if spec.get("required")} <= set(step["with"])


def test_the_workflow_names_models_that_are_shipped():
    for entry in read(WORKFLOW)["jobs"]["gate"]["strategy"]["matrix"]["include"]:
        for file in (entry["file"], entry["reference"]):
            assert (ROOT / "models" / entry["model"] / file).is_file()


def test_the_action_calls_the_gate_with_what_it_was_given(stage):
    given = {
        "GATE_HEAD": "new.tflite",
        "GATE_BASE": "old.tflite",
        "GATE_REFERENCE": "float.tflite",
        "GATE_DATA": "data",
        "GATE_THRESHOLD": "1.05",
        "GATE_STRICT": "true",
        "GATE_ARGUMENTS": "--limit\n50\n--class-drop=2\n",
    }

    assert run_script([ACTION / "gate.sh"], stage, **given).returncode == 0

    args = _parse(called(stage))
    assert (args.command, args.head, args.base, args.reference) == ("gate", "new.tflite", "old.tflite", "float.tflite")
    assert (args.data, args.threshold, args.strict) == (Path("data"), 1.05, True)
    assert (args.limit, args.class_drop) == (50, 2.0)
    assert {args.json, str(args.markdown), str(args.junit), str(args.html)} == {
        f"fcn-edge-gate/gate.{suffix}" for suffix in ("json", "md", "xml", "html")
    }


def test_the_action_holds_a_head_to_a_baseline(stage):
    given = {"GATE_HEAD": "new.tflite", "GATE_REFERENCE": "float.tflite", "GATE_BASELINE": "ratios.json"}

    assert run_script([ACTION / "gate.sh"], stage, **given).returncode == 0

    args = _parse(called(stage))
    assert (args.baseline, args.base, args.strict) == (Path("ratios.json"), None, False)


@pytest.mark.parametrize("name", ["HEAD", "BASE", "REFERENCE", "BASELINE", "DATA", "THRESHOLD", "ARGUMENTS", "OUT"])
def test_commands_in_an_input_are_not_run(stage, name):
    done = run_script([ACTION / "gate.sh"], stage, **{"GATE_HEAD": "new.tflite", f"GATE_{name}": EVIL})

    assert done.returncode == 0
    assert not list(stage.rglob("caught"))
    assert [argument for argument in called(stage) if EVIL in argument]
    assert "--strict" not in called(stage)


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_the_action_ends_as_the_gate_does_and_has_told_the_summary(stage, code):
    done = run_script([ACTION / "gate.sh"], stage, GATE_HEAD="new.tflite", END=str(code))

    assert done.returncode == code
    assert (stage / "summary.md").read_text() == "# the page\n"
    assert f"verdict={VERDICT}\n" in (stage / "output.txt").read_text()
    assert f"::warning::fcn-edge gate: {VERDICT}" in done.stdout


def test_an_answer_of_before_is_not_taken_for_this_one(stage):
    (stage / "fcn-edge-gate").mkdir()
    (stage / "fcn-edge-gate" / "gate.json").write_text('{"verdict": "pass"}')
    (stage / "bin" / "fcn-edge").write_text("#!/bin/sh\nexit 1\n")

    assert run_script([ACTION / "gate.sh"], stage, GATE_HEAD="new.tflite").returncode == 1
    assert "verdict" not in (stage / "output.txt").read_text()


def test_strict_is_true_or_false(stage):
    done = run_script([ACTION / "gate.sh"], stage, GATE_HEAD="new.tflite", GATE_STRICT="yes please")

    assert done.returncode == 2
    assert "strict is neither" in done.stderr


def test_the_gitlab_job_runs_the_gate_on_the_model_of_before(stage):
    job = read(GITLAB)["segmentation gate"]
    variables = {**job["variables"], "CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc"}

    assert run_script(["/bin/bash", "-ec", "\n".join(job["script"])], stage, **variables).returncode == 0

    args = _parse(called(stage))
    assert args.head == variables["MODEL"]
    assert (stage / args.base).read_text() == "content of a model\n"
    assert job["artifacts"]["reports"]["junit"] == str(args.junit)


def git(folder, *arguments):
    named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    subprocess.run([GIT, "-C", folder, *named, *arguments], check=True, capture_output=True)


def commit_model(root, content):
    """Commit a shipped model with something behind its end, where nobody looks."""
    (root / MODEL).write_bytes((ROOT / MODEL).read_bytes() + content.encode())
    git(root, "add", ".")
    git(root, "commit", "-m", content)


@pytest.fixture
def history(tmp_path):
    """A repository with three commits on main, in each of which the model differs."""
    root = tmp_path / "origin"
    (root / "tools").mkdir(parents=True)
    (root / "models" / "nuclei").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "gate_shipped", root / "tools")
    git(root, "init")
    for content in ("first", "second", "third"):
        commit_model(root, content)
    return root


def prepared(folder, *arguments):
    """Run the tool in *folder*; give the base that it found, and what it said."""
    out = folder / "out"
    done = run_script(["tools/gate_shipped", "--prepare", str(out), *arguments, MODEL], folder)
    assert done.returncode == 0, done.stderr
    assert len(list((out / "data" / "masks" / "val").iterdir())) == 24
    return (out / "base" / Path(MODEL).name).read_bytes()[(ROOT / MODEL).stat().st_size :].decode(), done.stderr


@pytest.mark.parametrize(("depth", "base"), [(1, "third"), (2, "second"), (3, "second")])
def test_the_base_is_the_commit_before_or_in_too_shallow_a_clone_the_file_itself(history, tmp_path, depth, base):
    git(tmp_path, "clone", f"--depth={depth}", history.as_uri(), "clone")

    found, said = prepared(tmp_path / "clone")

    assert found == base
    assert ("no earlier one is at hand" in said) == (depth == 1)


def test_the_base_of_a_branch_is_where_it_left_the_main_one(history, tmp_path):
    git(tmp_path, "clone", history.as_uri(), "clone")
    clone = tmp_path / "clone"
    git(clone, "checkout", "-b", "branch", "HEAD~1")
    for content in ("fourth", "fifth"):
        commit_model(clone, content)

    assert prepared(clone)[0] == "second"
    assert prepared(clone, "--base", "HEAD~3")[0] == "first"


def test_a_model_of_other_things_gets_pictures_without_masks(history):
    model = "models/people/people.int8.tflite"
    (history / "models" / "people").mkdir()
    shutil.copy(ROOT / model, history / model)

    assert run_script(["tools/gate_shipped", "--prepare", "out", model], history).returncode == 0

    data = open_folder(history / "out" / "data")
    assert data.class_names == ("background", "person")
    assert [sample.mask_path for sample in data.samples("val")] == [None] * 24


@pytest.mark.parametrize("changes", [{"architecture": "fcn_light"}, {"input_size_hw": (64, 64)}])
def test_a_model_that_was_another_network_is_its_own_base_and_says_so(history, changes):
    model = history / MODEL
    write_card(model, dataclasses.replace(read_card(model), **changes))
    git(history, "commit", "-a", "-m", "another network")
    shutil.copy(ROOT / MODEL, model)
    done = run_script(["tools/gate_shipped", "--prepare", "out", "--base", "HEAD", MODEL], history)

    assert done.returncode == 0
    assert "LATENCY IS NOT GATED" in done.stderr
    assert (history / "out" / "base" / model.name).read_bytes() == (ROOT / MODEL).read_bytes()


def test_a_new_model_is_its_own_base(history):
    model = "models/nuclei/new.int8.tflite"
    shutil.copy(ROOT / MODEL, history / model)
    done = run_script(["tools/gate_shipped", "--prepare", "out", model], history)

    assert done.returncode == 0
    assert (history / "out" / "base" / "new.int8.tflite").read_bytes() == (ROOT / MODEL).read_bytes()


def test_the_own_gate_asks_for_arguments_that_exist(tmp_path):
    text = (ROOT / "tools" / "gate_shipped").read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = re.findall(r"-m fcn_edge (gate .*?) \|\|", text)

    args = _parse([word for word in shlex.split(line) if word != "$@"])

    assert args.markdown is not None


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--fast"], "unknown option --fast"), (["models/none.tflite"], "does not exist")]
)
def test_the_own_gate_refuses_what_it_does_not_know(arguments, said):
    done = subprocess.run([ROOT / "tools" / "gate_shipped", *arguments], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert said in done.stderr
    assert "hint: " in done.stderr


def test_ci_ends_with_the_own_gate():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()

    assert lines[-1] == "tools/gate_shipped"
