"""A diagnosis names what made a quantised file ill, proves it by leaving layers in floating point, and says no more."""

import dataclasses
import json

import numpy as np
import pytest
from blobs import write_blobs
from ill_networks import NAMES, SIZE_HW, build_chain

from fcn_edge.cli.main import main
from fcn_edge.dataset import open_folder
from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.export import DiagnosisConfig, diagnose, leave_float, samples
from fcn_edge.export.config import ExportConfig
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.convert import convert_file
from fcn_edge.export.diagnosis import OutputStats, to_json
from fcn_edge.export.diagnosis_text import format_diagnosis
from fcn_edge.export.formats import FORMATS
from fcn_edge.export.graph import inline, model_of, new_input
from fcn_edge.export.leave_float_trial import loss_won
from fcn_edge.export.load import load_source
from fcn_edge.export.passes import run_passes
from fcn_edge.export.prepare import make_card, prepare
from fcn_edge.export.quiet import silenced

pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

FORMATS_INT8 = ("tflite", "onnx")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("data") / "data", classes=3, train=12, val=4)


@pytest.fixture(scope="module")
def make_file(data, tmp_path_factory):
    """Give a function that makes a Keras file and an int8 file of it, whatever the ladder would say."""
    folder = tmp_path_factory.mktemp("files")

    def make(ill, file_format, *, fold=True, black=False, precision="int8", output="logits"):
        source = folder / f"{ill}.keras"
        out = folder / f"{ill}-{fold}-{black}-{output}"
        out.mkdir(exist_ok=True)
        with silenced():
            if not source.exists():
                build_chain(ill).save(source)
            loaded = load_source(source)
            config = ExportConfig(data, out, classes=NAMES)
            pixels = samples.read_all(open_folder(data).samples("train"), SIZE_HW, "stretch")
            prepared = prepare(loaded, config, pixels[:2])
            images = samples.with_full_range(pixels)
            if black:
                # One blue value gives the input its whole range.
                images = np.zeros_like(pixels)
                images[0, 0, 0, 2] = 255
            model = run_passes(prepared.model, fold=fold).model
            job = Conversion(model, output, 0.0, images, rewrite=fold)
            name = f"{file_format}-{precision}"
            card = make_card(loaded, prepared, config, None)
            return source, convert_file(name, FORMATS[name], job, card, out).path

    return make


@pytest.mark.parametrize("file_format", FORMATS_INT8)
def test_a_healthy_file_gets_no_advice(make_file, data, file_format):
    found = diagnose(*make_file(None, file_format), DiagnosisConfig(data))
    assert (found.verdict, found.guilty, found.trials, found.findings) == ("healthy", (), (), ())
    assert "no single layer stands out" in format_diagnosis(found)
    assert [layer.name for layer in found.layers] == ["first", "second", "third", "head"]


def test_a_healthy_file_stays_healthy_when_layers_are_tried_nevertheless(make_file, data):
    found = diagnose(*make_file(None, "tflite"), DiagnosisConfig(data, always=True))
    assert (found.verdict, found.guilty, found.findings) == ("healthy", (), ())
    assert found.trials


@pytest.mark.parametrize("file_format", FORMATS_INT8)
def test_the_layer_whose_weights_were_ruined_is_named_and_confirmed_alone(make_file, data, file_format):
    found = diagnose(*make_file("weights", file_format), DiagnosisConfig(data))
    assert (found.verdict, found.guilty) == ("layers", ("third",))
    best = found.trials[0]
    assert best.won > 0.95
    assert best.output.agreement > 0.99 > found.output.agreement
    assert best.output.miou > found.output.miou + 0.3
    assert best.macs_share == pytest.approx(found.macs_share["third"])
    seen = {finding.kind: finding for finding in found.findings}
    assert seen["weight_outlier"].layer == "third"
    assert seen["weight_outlier"].figures["channel"] == 7
    assert "--float-layers third" in seen["leave_float"].advice


@pytest.mark.parametrize("file_format", FORMATS_INT8)
def test_a_map_with_one_large_channel_needs_its_maker_and_its_reader_in_float(make_file, data, file_format):
    found = diagnose(*make_file("channel", file_format), DiagnosisConfig(data))
    assert (found.verdict, found.guilty) == ("layers", ("second", "third"))
    won = {trial.layers: trial.won for trial in found.trials}
    assert won["third",] < 0.1
    assert won["second", "third"] > 0.95
    outlier = next(finding for finding in found.findings if finding.kind == "channel_outlier")
    assert (outlier.layer, outlier.figures["channel"]) == ("second", 7)
    assert outlier.figures["ratio"] > 100


@pytest.mark.parametrize("file_format", FORMATS_INT8)
def test_a_signed_map_that_shares_a_scale_with_a_small_one_is_seen_where_they_are_joined(make_file, data, file_format):
    found = diagnose(*make_file("join", file_format, fold=False), DiagnosisConfig(data))
    assert not found.folded
    assert found.verdict == "layers"
    assert {"second", "join"} <= set(found.guilty)
    shared = next(finding for finding in found.findings if finding.kind == "shared_scale")
    assert shared.layer == "join"
    assert shared.figures["ratio"] > 100
    assert "signed" in shared.seen


@pytest.mark.parametrize("file_format", FORMATS_INT8)
def test_calibration_on_black_images_is_named_as_such(make_file, data, file_format):
    found = diagnose(*make_file(None, file_format, black=True), DiagnosisConfig(data))
    assert (found.verdict, found.guilty, found.trials) == ("calibration", (), ())
    assert found.anew.sqnr_db > found.output.sqnr_db + 6
    (saturation,) = found.findings
    assert saturation.kind == "saturation"
    assert saturation.figures["saturated"] > 0.01
    assert "--calibration-split" in saturation.advice
    assert "calibration is at fault" in found.text


def test_a_file_of_class_ids_is_judged_by_its_pixels(make_file, data):
    found = diagnose(*make_file("weights", "tflite", output="labels"), DiagnosisConfig(data))
    assert found.output.sqnr_db is None
    assert (found.verdict, found.guilty) == ("layers", ("third",))


def test_the_result_is_plain_json_with_the_figures_of_each_layer(make_file, data):
    content = to_json(diagnose(*make_file("weights", "tflite"), DiagnosisConfig(data)))
    assert json.loads(json.dumps(content)) == json.loads(json.dumps(content, default=str))
    third = next(layer for layer in content["layers"] if layer["name"] == "third")
    keys = {"name", "sqnr_db", "drop_db", "channel_db", "low", "high", "saturated", "macs_share"}
    assert set(third) == keys
    assert third["drop_db"] == max(layer["drop_db"] for layer in content["layers"])


def test_the_table_shows_layers_trials_and_advice(make_file, data):
    text = format_diagnosis(diagnose(*make_file("weights", "tflite"), DiagnosisConfig(data)))
    first = text.splitlines()[0]
    assert "Most is lost in 'third'" in first
    assert "Confirmed: with 'third' in float" in first
    assert "what to do about it:" in text


def test_only_int8_files_are_diagnosed(make_file, data):
    source, path = make_file(None, "tflite", precision="fp32")
    with pytest.raises(UsageError, match="is fp32"):
        diagnose(source, path, DiagnosisConfig(data))


def test_a_file_of_another_model_is_refused(make_file, data, tmp_path):
    import keras

    _, path = make_file(None, "tflite")
    image = keras.Input((*SIZE_HW, 3))
    scores = keras.layers.Conv2D(3, 1, name="other")(image)
    keras.Model(image, scores).save(tmp_path / "other.keras")
    with pytest.raises(ModelFileError, match="0% of the layers"):
        diagnose(tmp_path / "other.keras", path, DiagnosisConfig(data))


def test_feeders_are_the_layers_back_to_the_next_weights_and_readers_those_on_to_them():
    entry = new_input(SIZE_HW)
    model = model_of(entry, inline(build_chain("join"), entry))
    assert leave_float.with_feeders(model, ["third"]) == ("second", "wide", "join", "third")
    assert leave_float.with_readers(model, ["second"]) == ("second", "wide", "join", "third")
    assert leave_float.with_readers(model, ["head"]) == ("head",)


def test_the_share_won_is_of_noise_or_without_scores_of_pixels():
    before = OutputStats(10.0, 0.9, None)
    assert loss_won(before, dataclasses.replace(before, sqnr_db=20.0)) == pytest.approx(0.9)
    assert loss_won(before, dataclasses.replace(before, sqnr_db=7.0)) < 0
    assert loss_won(before, dataclasses.replace(before, sqnr_db=None)) == 1
    ids = OutputStats(None, 0.8, None)
    assert loss_won(ids, dataclasses.replace(ids, agreement=0.95)) == pytest.approx(0.75)
    assert loss_won(dataclasses.replace(ids, agreement=1.0), ids) == 0


def test_compare_with_layers_prints_and_keeps_the_diagnosis_of_each_int8_file(make_file, data, tmp_path, capsys):
    source, path = make_file("weights", "tflite")
    result, page = tmp_path / "compare.json", tmp_path / "page.md"
    arguments = ["compare", str(source), str(path), "--data", str(data), "--layers", "--json", str(result)]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert "Confirmed: with 'third' in float" in shown.out
    assert "in float third: " in shown.err
    (entry,) = json.loads(result.read_text())["layers"]
    assert (entry["candidate"], entry["verdict"], entry["guilty"]) == (path.name, "layers", ["third"])
    assert main(["report", str(result), "--markdown", str(page)]) == 0
    assert f"### Layers of {path.name}" in page.read_text()


def test_layers_without_a_keras_model_is_wrong_usage(make_file, data, capsys):
    _, path = make_file("weights", "tflite")
    assert main(["compare", str(path), "--data", str(data), "--layers"]) == 2
    assert "no Keras model" in capsys.readouterr().err
