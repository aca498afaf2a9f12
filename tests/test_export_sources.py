"""What can be exported besides our own runs: .h5, SavedModels, nested, dynamic and foreign models; and what cannot."""

import pytest
from blobs import write_blobs
from export_networks import NAMES_2, NAMES_3, build_network, scores_of

from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.export import ExportConfig, export_model
from fcn_edge.export.quiet import silenced
from fcn_edge.model_file import read_card
from fcn_edge.runtime import open_backend
from fcn_edge.runtime.pixels import Preprocessing

keras = pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("two") / "data")


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("three") / "data", classes=3)


def save(model, path):
    """Save as .keras, .h5 or, without a suffix, as a SavedModel."""
    with silenced():
        if path.suffix:
            model.save(path)
        else:
            model.export(path, verbose=False)
    return path


def export(source, data, out, *formats, **options):
    return export_model(source, ExportConfig(data=data, out=out, formats=formats, **options))


def test_an_h5_model_of_odd_size_with_softmax_becomes_logits(three_classes, tmp_path):
    path = save(build_network((39, 45), 3), tmp_path / "discs.h5")
    report = export(path, three_classes, tmp_path / "out", "tflite-int8", "onnx-fp32", "onnx-int8")
    assert (report.source.kind, report.source.head, report.source.score_channels) == ("h5", "softmax stripped", 3)
    assert report.keras_miou > 0.9
    for described in report.files:
        path = tmp_path / "out" / described.path
        assert open_backend(path).info.output.shape == (1, 39, 45, 3)
        assert [spec.name for spec in read_card(path).classes] == list(NAMES_3)
        assert not {"STRIDED_SLICE", "SHAPE", "PACK"} & set(described.ops)
        assert described.ops.get("Transpose", 0) <= 2


def test_a_saved_model_of_any_size_and_batch_is_fixed_at_one(two_classes, tmp_path):
    image = keras.Input((None, None, 3), name="image")
    pixels = keras.layers.Rescaling(1 / 255)(image)
    folder = save(keras.Model(image, scores_of(pixels, 1, activation="sigmoid")), tmp_path / "discs")
    report = export(folder, two_classes, tmp_path / "out", "tflite-int8", "onnx-int8", size_hw=(24, 32))
    assert report.source.kind == "saved_model"
    # A SavedModel's graph is not taken apart, so its head stays and the card says so.
    assert "sigmoid kept" in report.source.head
    assert all(not {"SHAPE", "PACK"} & set(described.ops) for described in report.files)
    card = read_card(tmp_path / "out" / "discs.int8.tflite")
    assert (card.score_activation, card.input_size_hw, card.architecture) == ("sigmoid", (24, 32), "foreign")


def test_a_model_of_any_size_needs_size(two_classes, tmp_path):
    image = keras.Input((None, None, 3))
    path = save(keras.Model(image, keras.layers.Conv2D(1, 1)(image)), tmp_path / "any.keras")
    with pytest.raises(UsageError, match="images of any size") as caught:
        export(path, two_classes, tmp_path / "out", "tflite-fp32")
    assert "--size" in caught.value.hint


def test_nested_models_are_taken_apart(two_classes, tmp_path):
    image = keras.Input((32, 32, 3))
    inner = build_network((32, 32), 1, activation=None)
    path = save(keras.Model(image, keras.layers.Activation("sigmoid")(inner(image))), tmp_path / "nested.keras")
    report = export(path, two_classes, tmp_path / "out", "tflite-int8")
    assert report.source.head == "sigmoid stripped"
    assert report.keras_miou > 0.9


def test_foreign_preprocessing_goes_into_the_graph(two_classes, tmp_path):
    mean, std = (0.3, 0.5, 0.4), (0.25, 0.3, 0.2)
    image = keras.Input((32, 32, 3))
    # The network undoes mean and std, so it works only if it is given exactly these, in BGR.
    pixels = image * keras.ops.array(std) + keras.ops.array(mean)
    path = save(keras.Model(image, scores_of(pixels, 1, activation="sigmoid", rgb=(2, 1, 0))), tmp_path / "bgr.keras")
    preprocessing = Preprocessing(1 / 255, mean, std, bgr=True)
    formats = ("tflite-fp32", "tflite-int8", "onnx-int8")
    report = export(path, two_classes, tmp_path / "out", *formats, preprocessing=preprocessing)
    assert report.keras_miou > 0.9
    # Both undo each other, so nothing is left of them in the graph; what is, is the folded network.
    network = {"CONV_2D", "MAX_POOL_2D", "PAD", "DEPTH_TO_SPACE", "ADD", "QUANTIZE"}
    assert report.files[1].ops.keys() == network
    assert report.files[1].ops["CONV_2D"] == 4


def test_a_lower_output_resolution_is_brought_up_to_the_inputs(three_classes, tmp_path):
    image = keras.Input((32, 32, 3))
    pixels = keras.layers.AveragePooling2D(2)(keras.layers.Rescaling(1 / 255)(image))
    path = save(keras.Model(image, scores_of(pixels, 3, activation="softmax")), tmp_path / "low.keras")
    report = export(path, three_classes, tmp_path / "out", "tflite-int8", "onnx-int8", max_drop=5)
    assert open_backend(report.path_of("int8", "tflite")).info.output.shape == (1, 32, 32, 3)
    assert all(described.float_ops == 0 for described in report.files)


def test_a_wrong_preprocessing_is_pointed_at(two_classes, tmp_path):
    path = save(build_network((32, 32), rescale=False), tmp_path / "unit.keras")
    report = export(path, two_classes, tmp_path / "out", "tflite-fp32", preprocessing=Preprocessing(scale=1e-4))
    assert any("--scale" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("name", "words"),
    [("two_inputs", "2 input"), ("two_outputs", "2 output"), ("flat", "its output is"), ("grey", "its input is")],
)
def test_a_model_that_is_no_map_from_image_to_scores_is_refused(two_classes, tmp_path, name, words):
    a, b, grey = keras.Input((16, 16, 3)), keras.Input((16, 16, 3)), keras.Input((16, 16, 1))
    conv = keras.layers.Conv2D(1, 1)
    models = {
        "two_inputs": lambda: keras.Model([a, b], conv(a + b)),
        "two_outputs": lambda: keras.Model(a, [conv(a), conv(a + 1)]),
        "flat": lambda: keras.Model(a, keras.layers.Dense(2)(keras.layers.Flatten()(a))),
        "grey": lambda: keras.Model(grey, conv(grey)),
    }
    path = save(models[name](), tmp_path / f"{name}.keras")
    with pytest.raises(ModelFileError, match=words):
        export(path, two_classes, tmp_path / "out", "tflite-fp32")
    assert not (tmp_path / "out").exists()


def test_a_text_file_named_keras_is_refused(two_classes, tmp_path):
    path = tmp_path / "text.keras"
    path.write_text("no model")
    with pytest.raises(ModelFileError, match=r"text\.keras: not a whole Keras file"):
        export(path, two_classes, tmp_path / "out", "tflite-fp32")


def test_a_file_that_was_exported_already_is_refused(two_classes, tmp_path):
    path = tmp_path / "discs.int8.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3")
    with pytest.raises(ModelFileError, match="cannot be exported"):
        export(path, two_classes, tmp_path / "out", "tflite-fp32")


def test_classes_must_fit_the_score_channels(three_classes, tmp_path):
    path = save(build_network((32, 32)), tmp_path / "discs.keras")
    with pytest.raises(UsageError, match=r"needs 2 classes .* there are 3"):
        export(path, three_classes, tmp_path / "out", "tflite-fp32")
    report = export(path, three_classes, tmp_path / "out", "tflite-fp32", classes=NAMES_2)
    assert report.keras_miou is None
    assert any("not judged" in warning for warning in report.warnings)
