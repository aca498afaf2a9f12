"""ONNX files hold what the runtimes have fast kernels for: rewritten exactly, and integer from door to scores."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from blobs import write_blobs
from export_networks import NAMES_2, build_network, random_pixels

from fcn_edge import optional
from fcn_edge.export import ExportConfig, export_model, onnx_float_graph, onnx_graph, onnx_int8_graph
from fcn_edge.export import onnx as onnx_format
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.graph import inline, model_of, new_input
from fcn_edge.export.head import strip_head
from fcn_edge.export.passes import run_passes
from fcn_edge.export.samples import with_full_range
from fcn_edge.model_file import read_card
from fcn_edge.networks import build_fcn
from fcn_edge.runtime import open_backend

onnx = pytest.importorskip("onnx", reason="needs the extra export")
ort = pytest.importorskip("onnxruntime", reason="needs the extra export")
pytestmark = pytest.mark.desk

ODD_HW = (23, 37)
FLOAT, UINT8 = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
make = onnx.helper.make_node
# What may stand between int8 scores and the last operation: uint8 scores become int8 ones.
SHIFT_TO_INT8 = {"DequantizeLinear": 1, "QuantizeLinear": 1}


def graph(nodes, constants, source, result, opset=17):
    """Make a model from (name, type, shape) to (name, type, shape)."""
    values = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    ends = [[onnx.helper.make_tensor_value_info(*end)] for end in (source, result)]
    made = onnx.helper.make_graph(nodes, "test", *ends, values)
    return onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)


def session(model, optimized=None):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(model, array):
    loaded = session(model)
    return loaded.run(None, {loaded.get_inputs()[0].name: array})[0]


def fused_ops(model, tmp_path):
    """Count what ONNX Runtime makes of a model, layout aside."""
    path = tmp_path / "optimized.onnx"
    session(model, path)
    ops = Counter(node.op_type for node in onnx.load(path).graph.node)
    return Counter({kind: count for kind, count in ops.items() if kind not in ("Transpose", "Reshape", "Squeeze")})


def converted(channels, output="logits", *, fold=True, **options):
    """Convert a small classic network of odd size with random weights."""
    import keras

    keras.utils.set_random_seed(0)
    network = build_fcn((*ODD_HW, 3), classes=channels, filters=(8, 8, 8), rescale=True, batch_norm=True)
    rng = np.random.default_rng(0)
    network.set_weights([w + rng.uniform(0, 0.1, w.shape) for w in network.get_weights()])
    entry = new_input(ODD_HW)
    flat = run_passes(strip_head(model_of(entry, inline(network, entry))).model, fold=fold).model
    job = Conversion(flat, output, 0.0, with_full_range(random_pixels(ODD_HW, 4)), rewrite=fold, **options)
    return onnx.load_from_string(onnx_format.convert_int8(job))


@pytest.fixture(scope="module", params=[1, 3])
def folded_int8(request):
    return converted(request.param)


def transposed(kernel, stride, **attributes):
    """Make a model of one transposed convolution of 3 to 2 channels with a bias."""
    rng = np.random.default_rng(kernel * 10 + stride)
    constants = {
        "kernel": rng.normal(size=(3, 2, kernel, kernel)).astype(np.float32),
        "bias": rng.normal(size=2).astype(np.float32),
    }
    node = make("ConvTranspose", ["x", "kernel", "bias"], ["y"], "up", strides=[stride, stride], **attributes)
    return graph([node], constants, ("x", FLOAT, [1, 3, 5, 6]), ("y", FLOAT, None))


@pytest.mark.parametrize(
    ("kernel", "stride", "attributes"),
    [
        (2, 2, {}),
        (3, 2, {}),
        (3, 2, {"pads": [0, 0, 1, 1]}),
        (3, 2, {"pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
        (4, 2, {"pads": [1, 1, 1, 1]}),
        (5, 2, {"pads": [1, 2, 2, 1]}),
        (5, 3, {"pads": [1, 0, 1, 2]}),
        (8, 4, {"pads": [2, 2, 2, 2]}),
        (16, 8, {"pads": [4, 4, 4, 4]}),
    ],
)
def test_a_transposed_convolution_is_a_plain_one_and_depth_to_space(kernel, stride, attributes):
    model = transposed(kernel, stride, **attributes)
    pixels = np.random.default_rng(1).normal(size=(1, 3, 5, 6)).astype(np.float32)
    expected = run(model, pixels)
    onnx_float_graph.spread_transposed_convolutions(model)
    assert "ConvTranspose" not in onnx_graph.count_ops(model)
    np.testing.assert_allclose(run(model, pixels), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "stride", "attributes"),
    [
        (3, 1, {}),
        # Sixteen channels for four values.
        (2, 4, {}),
        (3, 2, {"dilations": [2, 2]}),
    ],
)
def test_a_transposed_convolution_that_would_cost_more_stays(kernel, stride, attributes):
    model = transposed(kernel, stride, **attributes)
    onnx_float_graph.spread_transposed_convolutions(model)
    assert onnx_graph.count_ops(model) == {"ConvTranspose": 1}


def test_a_reshape_that_changes_nothing_goes_and_the_output_keeps_its_name():
    shape = {"same": np.array([1, 2, 3, 4])}
    nodes = [make("Relu", ["x"], ["a"]), make("Reshape", ["a", "same"], ["b"]), make("Reshape", ["b", "same"], ["y"])]
    model = graph(nodes, shape, ("x", FLOAT, [1, 2, 3, 4]), ("y", FLOAT, [1, 2, 3, 4]))
    onnx_float_graph.drop_idle_reshapes(model)
    assert onnx_graph.count_ops(model) == {"Relu": 1}
    assert run(model, np.full((1, 2, 3, 4), -1, np.float32)).max() == 0


def cropped_after_upsampling():
    """Quantised: DepthToSpace, then a crop with a smaller range of its own."""
    constants = {
        "s": np.float32(0.1), "t": np.float32(0.07), "z": np.uint8(128), "from": np.array([0, 0]),
        "to": np.array([5, 7]), "axes": np.array([2, 3]),
    }  # fmt: skip
    nodes = [
        make("DequantizeLinear", ["x", "s", "z"], ["real"]),
        make("DepthToSpace", ["real"], ["wide"], blocksize=2),
        make("Slice", ["wide", "from", "to", "axes"], ["cut"]),
        make("QuantizeLinear", ["cut", "t", "z"], ["q"]),
        make("DequantizeLinear", ["q", "t", "z"], ["y"]),
    ]
    constants = {name: np.asarray(array) for name, array in constants.items()}
    return graph(nodes, constants, ("x", UINT8, [1, 4, 3, 4]), ("y", FLOAT, [1, 1, 5, 7]))


def test_what_is_only_moved_keeps_its_scale_and_is_moved_as_integers(tmp_path):
    model = cropped_after_upsampling()
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 3, 4), np.uint8)
    assert fused_ops(model, tmp_path)["DequantizeLinear"] == 2
    onnx_int8_graph.keep_scales(model)
    onnx_graph.forget_unused(model)
    assert fused_ops(model, tmp_path) == {"DepthToSpace": 1, "Slice": 1, "DequantizeLinear": 1}
    # Nothing is rounded or clipped on the way.
    moved = pixels.reshape(2, 2, 3, 4).transpose(2, 0, 3, 1).reshape(6, 8)[:5, :7]
    np.testing.assert_allclose(run(model, pixels)[0, 0], (moved.astype(np.float32) - 128) * np.float32(0.1), rtol=1e-6)


def test_what_moves_between_integers_is_no_float_operation():
    assert onnx_graph.float_op_names(cropped_after_upsampling()) == []


def test_a_folded_graph_has_one_change_of_layout_at_each_end(folded_int8):
    kinds = [node.op_type for node in folded_int8.graph.node]
    assert sum(kind in ("Transpose", "Reshape") for kind in kinds) == 2
    assert not {"Pad", "ConvTranspose", "BatchNormalization", "Relu", "Cast", "Mul"} & set(kinds)


def test_a_folded_graph_computes_nothing_in_float(folded_int8):
    assert onnx_graph.float_op_names(folded_int8) == []


def test_onnx_runtime_fuses_all_of_a_folded_graph(folded_int8, tmp_path):
    ops = fused_ops(folded_int8, tmp_path)
    written = onnx_graph.count_ops(folded_int8)
    expected = {
        "QLinearConv": written["Conv"],
        "QLinearAdd": written["Add"],
        # Where it is cheaper to keep one.
        "QLinearConcat": written.get("Concat", 0),
        "NhwcMaxPool": 3,
        "DepthToSpace": written["DepthToSpace"],
        "Slice": written["Slice"],
    }
    assert ops == Counter(expected) + Counter(SHIFT_TO_INT8)


def test_onnx_runtime_fuses_a_graph_that_decides_classes(tmp_path):
    ops = fused_ops(converted(3, "labels"), tmp_path)
    assert (ops["ArgMax"], ops["Conv"], ops["QuantizeLinear"], ops["DequantizeLinear"]) == (1, 0, 0, 0)


@pytest.mark.skipif(not optional.available("openvino"), reason="needs OpenVINO, of the extra openvino")
def test_openvino_runs_every_convolution_of_a_folded_graph_in_int8(folded_int8, tmp_path):
    path = tmp_path / "folded.int8.onnx"
    onnx.save(folded_int8, path)
    backend = open_backend(path, backend="openvino", threads=1)
    compiled = backend._request.get_compiled_model()
    kinds = [
        {key: node.get_rt_info()[key].astype(str) for key in ("layerType", "runtimePrecision")}
        for node in compiled.get_runtime_model().get_ops()
    ]
    found = [kind["runtimePrecision"] for kind in kinds if kind["layerType"] == "Convolution"]
    assert found == ["u8"] * onnx_graph.count_ops(folded_int8)["Conv"]


def test_the_door_takes_pixels_as_they_are():
    """Without the door the image is cast to float and quantised with scale 1; the scores are the same."""
    rng = np.random.default_rng(0)
    constants = {
        "one": np.float32(1), "zero": np.uint8(0), "scale": np.float32(3), "middle": np.uint8(100),
        "w": rng.integers(-64, 65, (2, 3, 3, 3)).astype(np.int8), "ws": np.array([0.01, 0.02], np.float32),
        "wz": np.zeros(2, np.int8),
    }  # fmt: skip
    nodes = [
        make("Cast", ["x"], ["real"], to=FLOAT),
        make("Transpose", ["real"], ["planes"], perm=[0, 3, 1, 2]),
        make("QuantizeLinear", ["planes", "one", "zero"], ["q"]),
        make("DequantizeLinear", ["q", "one", "zero"], ["dq"]),
        make("DequantizeLinear", ["w", "ws", "wz"], ["kernel"], axis=0),
        make("Conv", ["dq", "kernel"], ["sum"]),
        make("QuantizeLinear", ["sum", "scale", "middle"], ["y"]),
    ]
    constants = {name: np.asarray(array) for name, array in constants.items()}
    model = graph(nodes, constants, ("x", UINT8, [1, 8, 9, 3]), ("y", UINT8, [1, 2, 6, 7]))
    pixels = random_pixels((8, 9))
    expected = run(model, pixels)
    assert len(np.unique(expected)) > 20
    assert onnx_int8_graph.open_door(model)
    assert "Cast" not in onnx_graph.count_ops(model)
    assert np.array_equal(run(model, pixels), expected)


def test_scores_that_are_moved_last_are_raw_int8_too(tmp_path):
    model = cropped_after_upsampling()
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 3, 4), np.uint8)
    # Without the pair that a quantiser puts only before what it knows.
    for node in list(model.graph.node)[3:]:
        model.graph.node.remove(node)
    model.graph.node[2].output[0] = "y"
    expected = run(model, pixels)
    assert onnx_int8_graph.close_with_int8(model)
    assert onnx_graph.float_op_names(model) == []
    scores, quantization = run(model, pixels), onnx_graph.score_quantization(model)
    assert scores.dtype == np.int8
    found = (scores.astype(np.float32) - quantization.zero_point) * np.float32(quantization.scale)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert fused_ops(model, tmp_path) == {"DepthToSpace": 1, "Slice": 1, **SHIFT_TO_INT8}


def test_a_graph_that_is_to_be_left_alone_keeps_its_transposed_convolutions():
    assert onnx_graph.count_ops(converted(1, fold=False))["ConvTranspose"] == 3


@pytest.fixture(scope="module")
def symmetric():
    return converted(3, symmetric=True)


def test_a_symmetric_graph_is_int8_around_zero_everywhere(symmetric):
    values = onnx_graph.constants(symmetric)
    quantizing = [node for node in symmetric.graph.node if node.op_type in onnx_graph.QUANTIZERS]
    assert quantizing
    for node in quantizing:
        zero_point = values[node.input[2]]
        assert zero_point.dtype == np.int8
        assert not zero_point.any()


def test_a_symmetric_graph_quantises_what_convolutions_read_and_nothing_else(symmetric):
    """TensorRT reads no int32 bias, and is slower or wrong with quantised joins."""
    readers = {
        reader.op_type
        for node in symmetric.graph.node
        if node.op_type == "DequantizeLinear"
        for reader in onnx_graph.readers(symmetric, node.output[0])
    }
    assert readers == {"Conv", "MaxPool"}
    real = [node for node in symmetric.graph.node if node.op_type == "Conv" and not quantised(symmetric, node)]
    # Pixels around zero would have 7 bits.
    assert [node.name for node in real] == onnx_graph.names_reading_image(symmetric, "Conv")


def quantised(model, convolution):
    made = [onnx_graph.writer(model, name) for name in convolution.input[:2]]
    return all(node is not None and node.op_type == "DequantizeLinear" for node in made)


def test_a_symmetric_file_gives_int8_scores_near_those_of_the_other(symmetric):
    pixels = random_pixels(ODD_HW)
    real = []
    for model in (converted(3), symmetric):
        scores, quantization = run(model, pixels), onnx_graph.score_quantization(model)
        assert scores.dtype == np.int8
        real.append((scores.astype(float) - quantization.zero_point) * quantization.scale)
    assert onnx_graph.score_quantization(symmetric).zero_point == 0
    assert np.abs(real[0] - real[1]).max() < 0.05 * np.ptp(real[0])


def test_a_symmetric_export_is_proven_like_any_other(tmp_path):
    build_network((32, 40)).save(tmp_path / "discs.keras")
    data = write_blobs(tmp_path / "data")
    config = ExportConfig(data=data, out=tmp_path / "out", formats=("onnx-int8",), symmetric=True, classes=NAMES_2)
    report = export_model(tmp_path / "discs.keras", config)
    (described,) = report.files
    assert described.path == "discs.int8.onnx"
    assert described.miou_drop <= 1
    assert read_card(tmp_path / "out" / described.path).score_quantization.zero_point == 0
