"""How much of its files an export finds on XNNPACK, and how it tells."""

import json

import pytest
from blobs import write_blobs
from export_networks import NAMES_2, build_network

from fcn_edge.cli.main import main
from fcn_edge.export.quiet import silenced

pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("delegation") / "data")


def nearest_between_convolutions():
    """A network that doubles a map by its nearest pixel; XNNPACK does not take that where it is not folded."""
    import keras

    image = keras.Input((32, 32, 3))
    real = keras.layers.Rescaling(1 / 255)(image)
    low = keras.layers.MaxPooling2D()(keras.layers.Conv2D(4, 3, padding="same", activation="relu")(real))
    high = keras.layers.UpSampling2D(interpolation="nearest")(low)
    deep = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(high)
    return keras.Model(image, keras.layers.Conv2D(1, 1, activation="sigmoid")(deep))


def balanced_network():
    """A network whose way through the depth is not lost in rounding: an ADD of a far smaller map XNNPACK leaves out."""
    model = build_network()
    for name in ("deep", "up"):
        layer = model.get_layer(name)
        layer.set_weights([10 * weights for weights in layer.get_weights()])
    return model


def export(model, data, folder, *options):
    with silenced():
        model.save(folder / "model.keras")
    arguments = ["export", str(folder / "model.keras"), "--data", str(data), "--out", str(folder / "out")]
    # What these networks find is not what is tested here.
    assert main([*arguments, "--classes", ",".join(NAMES_2), "--name", "net", "--max-drop", "100", *options]) == 0
    return json.loads((folder / "out" / "export.json").read_text())


def test_an_ordinary_network_is_taken_but_for_the_door(data, tmp_path, capsys):
    content = export(balanced_network(), data, tmp_path, "--formats", "tflite-int8,onnx-int8")
    found = {file["format"]: file["delegation"] for file in content["files"]}
    assert found["onnx"] is None
    tflite = found["tflite"]
    assert tflite["expected"] is True
    assert tflite["outside"] == {"QUANTIZE": 1}
    assert tflite["delegated"] == tflite["ops"] - 1
    assert tflite["ops"] == sum(next(f["ops"] for f in content["files"] if f["format"] == "tflite").values())
    sentence = f"net.int8.tflite: {tflite['delegated']} of {tflite['ops']} ops on XNNPACK; QUANTIZE at the input"
    assert sentence in capsys.readouterr().out.splitlines()


def test_a_labels_head_is_expected_outside(data, tmp_path):
    content = export(balanced_network(), data, tmp_path, "--formats", "tflite-fp32", "--output", "labels")
    found = content["files"][0]["delegation"]
    assert found["expected"] is True
    assert found["at_input"] == {"CAST": 1}
    assert found["at_output"]["GREATER"] == 1


def test_an_operation_that_breaks_the_graph_is_warned_about(data, tmp_path, capsys):
    content = export(nearest_between_convolutions(), data, tmp_path, "--formats", "tflite-fp32", "--no-fold")
    found = content["files"][0]["delegation"]
    assert found["expected"] is False
    # What Keras makes of it is Keras's business: TILE in 3.15.
    kinds = list(found["unexpected"])
    assert kinds
    warning = f"net.fp32.tflite: XNNPACK leaves out {kinds[0]}"
    assert any(line.startswith(warning) for line in content["warnings"])
    assert warning in capsys.readouterr().err
