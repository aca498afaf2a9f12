"""An export that fails says which rung and why, with the right exit code, and leaves nothing half-written."""

import dataclasses
import resource

import numpy as np
import pytest
from blobs import write_blobs
from export_networks import NAMES_2, build_network
from test_export_blame import spoil_tflite
from tiny_keras import make_tiny_keras

from fcn_edge.card import ModelCard, class_specs
from fcn_edge.cli.main import main
from fcn_edge.errors import (
    DatasetError,
    ExportError,
    LostRungError,
    ModelFileError,
    OutputError,
    ThresholdMissedError,
    UsageError,
)
from fcn_edge.export import ExportConfig, export_model, formats
from fcn_edge.export.quiet import silenced
from fcn_edge.model_file import write_card

pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

SIZE_HW = (32, 40)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("failures") / "data")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "discs.keras"
    with silenced():
        build_network(SIZE_HW).save(path)
    write_card(path, ModelCard("discs", "fcn", class_specs(NAMES_2), SIZE_HW, threshold=0.5))
    return path


@pytest.fixture
def spoiled(monkeypatch):
    """The int8 TFLite converter turns the sign of one layer's weights."""
    spec = formats.FORMATS["tflite-int8"]
    broken = dataclasses.replace(spec, convert=lambda job: spoil_tflite(spec.convert(job), "first"))
    monkeypatch.setattr(formats, "FORMATS", {**formats.FORMATS, "tflite-int8": broken})


def leftovers(folder):
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def test_a_lost_rung_names_format_and_layer_and_no_file(data, source, spoiled, tmp_path):
    config = ExportConfig(data=data, out=tmp_path, formats=("tflite-fp32", "tflite-int8"))
    with pytest.raises(LostRungError, match=r"discs\.int8\.tflite: .* layer 'first'"):
        export_model(source, config)
    assert leftovers(tmp_path) == []


def test_a_lost_rung_ends_the_command_with_two_lines_and_1(data, source, spoiled, tmp_path, capfd):
    arguments = ["export", str(source), "--data", str(data), "--out", str(tmp_path), "--formats", "tflite-int8"]
    assert main([*arguments, "--quiet"]) == 1
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["error", "hint"]


def test_a_missed_max_drop_ends_the_command_with_3(data, source, tmp_path, capfd, monkeypatch):
    arguments = ["export", str(source), "--data", str(data), "--out", str(tmp_path), "--formats", "tflite-int8"]
    # No quantised file is exactly as good on every image; a limit below zero stands for one that cannot be met.
    monkeypatch.setattr("fcn_edge.export.ladder.drop", lambda rung, keras_miou: 2.5)
    assert main([*arguments, "--max-drop", "1.5", "--quiet"]) == 3
    error = capfd.readouterr().err
    assert "loses 2.50 points of mIoU" in error
    assert "at most 1.5 were allowed" in error
    assert leftovers(tmp_path) == []


def test_a_full_disk_leaves_nothing_half_written(data, source, tmp_path):
    config = ExportConfig(data=data, out=tmp_path / "out", formats=("tflite-fp32",))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_disk(step):
        # From here on files may not grow beyond 2 KiB: a write fails as on a full disk. Python ignores the signal.
        if step.startswith("prepare"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))

    try:
        with pytest.raises(OutputError, match="cannot be written"):
            export_model(source, config, tell=fill_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert leftovers(tmp_path / "out") == []


def test_a_failed_export_leaves_older_files_alone(data, source, spoiled, tmp_path):
    older = tmp_path / "discs.int8.tflite"
    older.write_bytes(b"older")
    with pytest.raises(LostRungError):
        export_model(source, ExportConfig(data=data, out=tmp_path, formats=("tflite-int8",)))
    assert older.read_bytes() == b"older"
    assert leftovers(tmp_path) == ["discs.int8.tflite"]


def test_a_converter_that_fails_is_named(data, source, tmp_path, monkeypatch):
    def fail(job):
        raise ValueError("no such op")

    broken = dataclasses.replace(formats.FORMATS["onnx-fp32"], convert=fail)
    monkeypatch.setattr(formats, "FORMATS", {**formats.FORMATS, "onnx-fp32": broken})
    with pytest.raises(ExportError, match="onnx-fp32: the converter failed: ValueError: no such op"):
        export_model(source, ExportConfig(data=data, out=tmp_path / "out", formats=("onnx-fp32",)))


def test_shapes_worked_out_at_run_time_are_refused(data, source, tmp_path, monkeypatch):
    """A graph of unknown batch, as the tutorials convert it, has SHAPE, STRIDED_SLICE and PACK."""
    tf = pytest.importorskip("tensorflow")

    def convert(job):
        signature = [tf.TensorSpec((None, *SIZE_HW, 3), tf.uint8)]
        function = tf.function(lambda x: job.model(tf.cast(x, tf.float32)), input_signature=signature)
        return tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()]).convert()

    whole = build_network(SIZE_HW, activation=None)
    broken = dataclasses.replace(
        formats.FORMATS["tflite-fp32"], convert=lambda job: convert(dataclasses.replace(job, model=whole))
    )
    monkeypatch.setattr(formats, "FORMATS", {**formats.FORMATS, "tflite-fp32": broken})
    with pytest.raises(ExportError, match=r"PACK, SHAPE, STRIDED_SLICE"):
        export_model(source, ExportConfig(data=data, out=tmp_path / "out", formats=("tflite-fp32",)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"formats": ("tflite-int4",)}, "format 'tflite-int4' is unknown"),
        ({"formats": ()}, "no format"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"calibration_images": 0}, "at least one image"),
        ({"max_drop": -1.0}, "max-drop"),
        ({"size_hw": (0, 32)}, "size"),
        ({"classes": ("background", "a", "b")}, "needs 2 classes"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(data, source, tmp_path, changes, words):
    config = dataclasses.replace(ExportConfig(data=data, out=tmp_path / "out", formats=("tflite-fp32",)), **changes)
    with pytest.raises(UsageError, match=words):
        export_model(source, config)
    assert not (tmp_path / "out").exists()


def test_a_size_the_network_cannot_take_is_refused(data, tmp_path):
    keras = pytest.importorskip("keras")
    image = keras.Input((16, 16, 3))
    cropped = keras.layers.Reshape((16, 16, 3))(image)
    with silenced():
        keras.Model(image, keras.layers.Conv2D(1, 1)(cropped)).save(tmp_path / "fixed.keras")
    config = ExportConfig(data=data, out=tmp_path / "out", formats=("tflite-fp32",), size_hw=(24, 24))
    with pytest.raises(Exception, match="cannot be built for 24x24"):
        export_model(tmp_path / "fixed.keras", config)


def test_drop_is_in_points():
    from fcn_edge.export.ladder import check_drop
    from fcn_edge.export.report import ParityStats, RungReport

    rung = RungReport("a", "Keras", ParityStats(1, None, None, 1.0), 0.80, 0.9, None, None, "")
    check_drop(rung, 0.81, 1.01, lambda: "")
    with pytest.raises(ThresholdMissedError, match=r"loses 2\.00 points .*0\.8200 to 0\.8000"):
        check_drop(rung, 0.82, 1.0, lambda: "nobody")
    assert np.isfinite(rung.miou)


@pytest.mark.parametrize(
    ("change", "what"), [({"size_hw": (99999, 128)}, "8192"), ({"verify_images": -1}, "--verify-images -1")]
)
def test_a_number_out_of_range_is_refused_before_anything_is_loaded(data, tmp_path, change, what):
    with pytest.raises(UsageError, match=what):
        export_model("nowhere.keras", ExportConfig(data=data, out=tmp_path, formats=("tflite-fp32",), **change))


def test_a_size_the_network_cannot_take_is_an_error_in_words(data, tmp_path):
    source = make_tiny_keras(tmp_path / "tiny.keras")
    config = ExportConfig(data=data, out=tmp_path / "out", formats=("tflite-fp32",), size_hw=(31, 31))
    with pytest.raises(ModelFileError, match="cannot be built for 31x31"):
        export_model(source, config)
    assert leftovers(tmp_path / "out") == []


def test_an_empty_split_is_told_before_the_model_is_loaded(data, tmp_path):
    with pytest.raises(DatasetError, match="no such split"):
        export_model("nowhere.keras", ExportConfig(data=data, out=tmp_path, formats=("tflite-fp32",), split="test"))
