"""The whole export of a trained run: what is written keeps the contract, is described, and agrees with Keras."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
from blobs import write_blobs
from export_networks import NAMES_2, build_network, random_pixels

from fcn_edge.card import ModelCard, TrainingSpec, class_specs
from fcn_edge.export import ExportConfig, export_model
from fcn_edge.export.formats import FORMATS
from fcn_edge.export.metadata import ENTRY_NAME, IDENTIFIER
from fcn_edge.export.tflite_graph import read_model, schema
from fcn_edge.model_file import fingerprint, read_card, write_card
from fcn_edge.runtime import open_backend
from fcn_edge.runtime.segmenter import Segmenter

pytestmark = pytest.mark.desk

SIZE_HW = (32, 40)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("export") / "data")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "discs"
    folder.mkdir()
    build_network(SIZE_HW).save(folder / "model.keras")
    training = TrainingSpec(data="discs", licence="CC0", credit="nobody", images=8)
    card = ModelCard("discs", "fcn", class_specs(NAMES_2), SIZE_HW, threshold=0.6, training=training)
    write_card(folder / "model.keras", card)
    return folder


@pytest.fixture(scope="module")
def exported(data, run, tmp_path_factory):
    """All six formats, and the lines that told of it."""
    lines = []
    config = ExportConfig(data=data, out=tmp_path_factory.mktemp("build"), formats=tuple(FORMATS))
    return export_model(run, config, tell=lines.append), lines


@pytest.fixture(scope="module", params=FORMATS)
def file(request, exported):
    """Each exported file, with its report."""
    spec = FORMATS[request.param]
    report, _ = exported
    described = next(f for f in report.files if (f.precision, f.format) == (spec.precision, spec.format))
    return report.path_of(spec.precision, spec.format), described


def test_every_format_is_named_after_name_precision_and_format(exported):
    report, _ = exported
    expected = {f"discs.{spec.precision}.{spec.format}" for spec in FORMATS.values()}
    assert {path.name for path in report.out.iterdir()} == expected | {"export.json"}


def test_a_file_takes_raw_pixels_and_gives_one_score_a_pixel(file):
    path, described = file
    backend = open_backend(path)
    assert (backend.info.input.shape, backend.info.input.dtype) == ((1, *SIZE_HW, 3), "uint8")
    dtype = "int8" if described.precision == "int8" else "float32"
    assert (backend.info.output.shape, backend.info.output.dtype) == ((1, *SIZE_HW, 1), dtype)


def test_a_file_carries_a_card_of_its_own(file):
    path, described = file
    card = read_card(path)
    assert (card.name, card.precision, card.output, card.score_activation) == (
        "discs",
        described.precision,
        "logits",
        "none",
    )
    assert (card.threshold, card.training.licence, card.input_size_hw) == (0.6, "CC0", SIZE_HW)
    assert card.fingerprint == described.fingerprint == fingerprint(path)
    assert (card.score_quantization is not None) == (described.precision == "int8")
    assert card.tools["tensorflow"]


def test_the_card_tells_the_accuracy_measured_on_the_file_itself(file):
    path, described = file
    figures = {metric.name: metric for metric in read_card(path).metrics}
    assert set(figures) == {"miou", "pixel_accuracy", *(f"iou.{name}" for name in NAMES_2)}
    assert figures["miou"].value == pytest.approx(described.miou, abs=1e-6)
    # The proof takes more images, from the training split, where val is small; accuracy does not.
    assert (figures["miou"].split, figures["miou"].images) == ("val", 3)


def test_an_int8_file_computes_nothing_in_float(exported):
    report, _ = exported
    assert {f.path: f.float_ops for f in report.files if f.precision == "int8"} == {
        "discs.int8.tflite": 0,
        "discs.int8.onnx": 0,
    }


def test_fp32_files_agree_with_keras_on_999_of_1000_pixels(exported):
    report, _ = exported
    for described in report.files:
        if described.precision == "fp32":
            assert described.parity.agreement >= 0.999
            assert described.parity.max_diff <= 1e-5


def test_no_file_loses_more_than_a_point_of_miou(exported):
    report, _ = exported
    assert report.keras_miou > 0.9
    assert all(described.miou_drop <= 1 for described in report.files)


def test_nothing_stands_between_the_door_and_the_first_convolution(exported):
    report, _ = exported
    kinds = {f.path: set(f.ops) for f in report.files}
    assert not {"MUL", "TRANSPOSE", "STRIDED_SLICE", "SHAPE", "PACK"} & kinds["discs.int8.tflite"]
    assert not {"Mul", "Cast"} & kinds["discs.int8.onnx"]
    assert not {"Mul"} & kinds["discs.fp32.onnx"]
    assert all(f.ops.get("Transpose", 0) <= 2 for f in report.files)


def test_a_segmenter_finds_the_discs_with_each_file(file, data):
    path, _ = file
    image = cv2.imread(str(data / "images" / "val" / "0.png"))
    mask = cv2.imread(str(data / "masks" / "val" / "0.png"), cv2.IMREAD_UNCHANGED)
    with Segmenter.open(path) as segmenter:
        assert (segmenter(image) == mask).mean() > 0.97


def test_export_json_has_the_keys_that_others_rely_on(exported):
    report, _ = exported
    content = json.loads((report.out / "export.json").read_text())
    assert (content["kind"], content["schema_version"]) == ("export", 1)
    assert {"path", "precision", "format", "bytes", "parity", "float_ops"} <= content["files"][0].keys()
    assert content["folding"]["applied"] is True
    assert content["folding"]["macs_after"] < content["folding"]["macs_before"]
    assert content["calibration"]["class_images"] == {"background": 8, "bright": 8}
    assert content["ladder"][0]["name"] == "prepared Keras model"
    assert content["source"]["head"] == "sigmoid stripped"
    assert content["source"]["fingerprint"]


def test_multiply_adds_are_those_counted_by_hand(exported):
    report, _ = exported
    height, width = SIZE_HW
    first = height * width * 9 * 3 * 6
    deep = (height // 2) * (width // 2) * 9 * 6 * 6
    up = (height // 2) * (width // 2) * 9 * 6 * 4
    head = height * width * 10 * 1
    assert report.folding.macs_before == first + deep + up + head


def test_each_step_is_told_in_one_line_with_its_time(exported):
    _, lines = exported
    steps = ["load", "prepare", "fold", "calibrate", *(f"convert {name}" for name in FORMATS), "prove"]
    assert sorted(line[:20].strip() for line in lines) == sorted(steps)
    assert all(" s  " in line and "\n" not in line for line in lines)


def test_the_standard_tflite_metadata_names_the_labels_file(exported):
    report, _ = exported
    model = read_model(report.path_of("int8", "tflite").read_bytes())
    entry = next(e for e in model.metadata if e.name == ENTRY_NAME.encode())
    content = bytes(model.buffers[entry.buffer].data)
    assert content[4:8] == IDENTIFIER
    assert b"labels.txt" in content
    assert b"CC0" in content


def test_weights_lie_at_multiples_of_16_bytes(exported):
    report, _ = exported
    data = report.path_of("fp32", "tflite").read_bytes()
    model = schema().Model.GetRootAsModel(data, 0)
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    starts = [b._tab.Vector(b._tab.Offset(4)) for b in buffers if b.DataLength()]
    assert starts
    assert all(start % 16 == 0 for start in starts)


def test_int8_scores_of_both_formats_mean_the_same(exported):
    report, _ = exported
    pixels = random_pixels(SIZE_HW)
    real = {}
    for file_format in ("tflite", "onnx"):
        path = report.path_of("int8", file_format)
        backend, quantization = open_backend(path), read_card(path).score_quantization
        real[file_format] = (backend.infer(pixels).astype(float) - quantization.zero_point) * quantization.scale
    assert np.abs(real["tflite"] - real["onnx"]).max() < 0.1 * np.ptp(real["tflite"])


def test_class_ids_can_be_decided_in_the_graph(data, run, tmp_path):
    config = ExportConfig(data=data, out=tmp_path, formats=("tflite-int8", "onnx-int8"), output="labels")
    report = export_model(run, config)
    assert {f.path for f in report.files} == {"discs.labels.int8.tflite", "discs.labels.int8.onnx"}
    assert all(f.float_ops == 0 and f.parity.max_diff is None for f in report.files)
    for described in report.files:
        backend = open_backend(tmp_path / described.path)
        assert (backend.info.output.layout, backend.info.output.shape) == ("NHW", (1, *SIZE_HW))
        assert read_card(tmp_path / described.path).output == "labels"


def test_the_same_seed_gives_the_same_calibration_images(data, run, tmp_path, exported):
    config = ExportConfig(data=data, out=tmp_path, formats=("tflite-int8",), calibration_images=3, seed=4)
    first = export_model(run, config)
    again = export_model(run, dataclasses.replace(config, out=tmp_path / "again"))
    assert first.calibration.sample_ids == again.calibration.sample_ids
    assert len(first.calibration.sample_ids) == 3
    assert first.files[0].fingerprint == again.files[0].fingerprint
