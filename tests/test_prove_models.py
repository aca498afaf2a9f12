"""The evaluator that checks the project's own comes to the same figures by other means."""

import dataclasses
import json
import shutil

import pytest

from fcn_edge import scenes
from fcn_edge.cli.main import main
from fcn_edge.model_file import read_card, resolve, write_card

pytest.importorskip("sklearn", reason="needs the extra dev")
pytest.importorskip("ai_edge_litert", reason="needs LiteRT")
class_ious = pytest.importorskip("models_proof.independent", reason="the tools are not beside the tests").class_ious
pytestmark = pytest.mark.desk


@pytest.mark.parametrize("geometry", ["stretch", "letterbox"])
def test_both_evaluators_agree_on_an_int8_file(tmp_path, geometry):
    data = scenes.write_data_folder(tmp_path / "data", train=1, val=4, seed=3, size_hw=(200, 300))
    shipped = resolve("nuclei.int8.tflite")
    model = tmp_path / shipped.name
    shutil.copy(shipped, model)
    write_card(model, dataclasses.replace(read_card(shipped), geometry=geometry))
    assert main(["compare", str(model), "--data", str(data), "--json", str(tmp_path / "val.json"), "--quiet"]) == 0
    found = json.loads((tmp_path / "val.json").read_text())["variants"][0]["per_class_iou"]
    assert class_ious(model, data, "val") == pytest.approx(list(found.values()), abs=1e-4)
