"""The schemas of results: there is one for each kind, and what commands write keeps to it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from blobs import write_blobs
from films import write_film
from invented_results import GOLDEN, bench_report
from threshold_models import make_threshold_model

import fcn_edge
from fcn_edge.cli.main import main
from fcn_edge.errors import UsageError
from fcn_edge.measure.bench import BenchConfig, bench
from fcn_edge.measure.bench.result import to_json
from fcn_edge.measure.gate import accept_baseline, gate
from fcn_edge.measure.gate.result import to_json as gate_json
from fcn_edge.model_file import resolve
from fcn_edge.schema import KINDS, load_schema

jsonschema = pytest.importorskip("jsonschema", reason="needs the extra dev")

PACKAGE = Path(fcn_edge.__file__).parent
MODELS = Path(__file__).parent / "models"
SHIPPED = resolve("nuclei.int8.tflite").parent
# Where a kind is given by name: write_report(path, "kind", …) or KIND = "kind".
_WRITTEN = re.compile(r'(?:write_report\([^"\n]*"(\w+)",|^KIND = "(\w+)"$)', re.MULTILINE)


def _validate(content) -> None:
    jsonschema.Draft202012Validator(load_schema(content["kind"])).validate(content)


def test_every_kind_that_is_written_has_a_schema():
    texts = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    written = {kind for text in texts for found in _WRITTEN.findall(text) for kind in found if kind}
    assert written == set(KINDS)


def test_every_schema_belongs_to_a_kind():
    assert sorted(path.name for path in (PACKAGE / "schema").glob("*.json")) == [
        f"{kind}.schema.json" for kind in KINDS
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one_and_allows_what_it_does_not_know(kind):
    schema = load_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["kind"] == {"const": kind}
    assert "additionalProperties" not in schema


def test_a_kind_that_there_is_not_is_refused_by_name():
    with pytest.raises(UsageError, match="'horoscope'"):
        load_schema("horoscope")


@pytest.mark.parametrize("name", ["bench", "bench_noisy", "camera", "compare", "export", "gate"])
def test_the_golden_results_keep_to_their_schema(name):
    _validate(json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")))


def test_what_a_gate_holds_keeps_to_the_schema_of_its_kind():
    gate = json.loads((GOLDEN / "gate.json").read_text(encoding="utf-8"))
    for key, kind in (("bench", "bench"), ("confirmation", "bench"), ("compare", "compare")):
        _validate({"schema_version": 1, "kind": kind, **gate[key]})


@pytest.mark.parametrize("key", ["variants", "comparisons", "reliability", "env"])
def test_a_result_without_a_key_that_others_rely_on_does_not_keep_to_its_schema(key):
    content = {"schema_version": 1, "kind": "bench", **json.loads(json.dumps(to_json(bench_report())))}
    del content[key]
    with pytest.raises(jsonschema.ValidationError, match=key):
        _validate(content)


def test_a_real_benchmark_keeps_to_its_schema():
    config = BenchConfig(rounds=1, blocks=8, min_seconds=0.0, extensions=0, warm_up_s=0.02)
    report = bench([MODELS / "tiny.fp32.tflite", MODELS / "tiny.int8.tflite"], config=config)
    _validate({"schema_version": 1, "kind": "bench", **json.loads(json.dumps(to_json(report)))})


def test_a_gate_and_a_baseline_keep_to_their_schemas(tmp_path):
    reports = {name: bench_report({name: 63.0, "head": 17.9}) for name in ("base", "reference")}
    head, other = SHIPPED / "nuclei.int8.tflite", SHIPPED / "nuclei.fp32.tflite"
    path = tmp_path / "baseline.json"
    for reason in ("first", "second, so that there is a history"):
        accept_baseline(
            head, reference=other, baseline=path, reason=reason, measure=lambda *_, **__: reports["reference"]
        )
    _validate(json.loads(path.read_text(encoding="utf-8")))
    report = gate(head, base=other, measure=lambda *_, **__: reports["base"])
    _validate({"schema_version": 1, "kind": "gate", **json.loads(json.dumps(gate_json(report)))})


def test_commands_write_what_their_schemas_say(tmp_path):
    tiny = str(MODELS / "tiny.int8.tflite")
    data = write_blobs(tmp_path / "data")
    (data / "classes.txt").write_text("background\nred\n", encoding="utf-8")
    image = next((data / "images" / "val").iterdir())
    film = write_film(tmp_path / "film.avi", frames=5)
    bright = make_threshold_model(tmp_path / "bright.fp32.onnx", 100.0)
    commands = {
        "info": ["info", tiny],
        "models": ["models"],
        "compare": ["compare", str(MODELS / "tiny.fp32.onnx"), tiny, "--data", str(data)],
        "segment": ["segment", tiny, str(image), "--out", str(tmp_path / "masks")],
        "data": ["data", "check", str(data)],
        "camera": ["camera", str(bright), "--source", str(film), "--view", "none", "--fast"],
        "report": ["report", str(GOLDEN / "gate.json")],
    }
    for kind, command in commands.items():
        path = tmp_path / f"{kind}.json"
        assert main([*command, "--quiet", "--json", str(path)]) == 0, kind
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["kind"] == kind
        _validate(content)
