"""A lost rung names the guilty layer: one layer of a converted file is spoiled, and found."""

import numpy as np
import pytest
from export_networks import build_network, random_pixels

from fcn_edge.export import onnx_graph, tflite_graph
from fcn_edge.export.absorb import absorb_input_scaling
from fcn_edge.export.blame import guilty_layer, layer_noise
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.formats import FORMATS
from fcn_edge.export.graph import inline, model_of, new_input
from fcn_edge.export.quiet import silenced
from fcn_edge.export.samples import with_full_range

pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

SIZE_HW = (16, 20)
NAMES = ("tflite-fp32", "tflite-int8", "onnx-fp32", "onnx-int8")


@pytest.fixture(scope="module")
def model():
    entry = new_input(SIZE_HW)
    return absorb_input_scaling(model_of(entry, inline(build_network(SIZE_HW, 3, activation=None), entry)))


@pytest.fixture(scope="module")
def converted(model):
    job = Conversion(model, "logits", 0.0, with_full_range(random_pixels(SIZE_HW, 8)))
    with silenced():
        return {name: FORMATS[name].convert(job) for name in NAMES}


def spoil_tflite(data, layer):
    """Turn the sign of a layer's weights, the largest constant that carries its name."""
    model = tflite_graph.read_model(data)
    graph = model.subgraphs[0]
    made = {int(i) for operator in graph.operators for i in operator.outputs}
    constants = [
        tensor
        for index, tensor in enumerate(graph.tensors)
        if index not in made and tensor.name.decode().startswith(f"{layer}/") and len(tensor.shape) == 4
    ]
    weights = max(constants, key=lambda tensor: np.prod(tensor.shape))
    buffer = model.buffers[weights.buffer]
    dtype = np.int8 if weights.type == tflite_graph.schema().TensorType.INT8 else np.float32
    values = np.asarray(buffer.data, np.uint8).view(dtype)
    buffer.data = (-values.clip(-127)).astype(dtype).view(np.uint8) if dtype is np.int8 else (-values).view(np.uint8)
    return tflite_graph.write_model(model)


def spoil_onnx(data, layer):
    proto = onnx_graph.onnx()
    model = proto.load_from_string(data)
    found = [i for i in model.graph.initializer if i.name.startswith(f"{layer}/") and len(i.dims) == 4]
    weights = found[0]
    values = proto.numpy_helper.to_array(weights)
    weights.CopyFrom(proto.numpy_helper.from_array(-values, weights.name))
    return model.SerializeToString()


def noise(model, data, name, folder):
    spec = FORMATS[name]
    path = folder / f"discs.{spec.precision}.{spec.format}"
    path.write_bytes(data)
    with silenced():
        return layer_noise(model, path, random_pixels(SIZE_HW, 2, seed=5), spec.precision)


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_followed_in_a_healthy_file(model, converted, name, tmp_path):
    layers = noise(model, converted[name], name, tmp_path)
    assert [layer.name for layer in layers] == ["first", "pool", "deep", "up", "join", "head"]
    least = {"fp32": 100, "int8": 20}[FORMATS[name].precision]
    assert min(layer.sqnr_db for layer in layers) > least


@pytest.mark.parametrize("layer", ["first", "deep", "up", "head"])
@pytest.mark.parametrize("name", NAMES)
def test_the_layer_with_spoiled_weights_is_named(model, converted, name, layer, tmp_path):
    spoil = spoil_tflite if name.startswith("tflite") else spoil_onnx
    layers = noise(model, spoil(converted[name], layer), name, tmp_path)
    assert f"layer '{layer}'" in guilty_layer(layers)


def test_without_layers_none_is_named():
    assert "none is named" in guilty_layer(())


def test_int8_scores_of_onnx_are_the_uint8_ones_less_128(converted):
    proto = onnx_graph.onnx()
    runtime = pytest.importorskip("onnxruntime")
    model = proto.load_from_string(converted["onnx-int8"])
    raw = next(node for node in model.graph.node if node.name == "scores_real").input[0]
    model.graph.output.append(proto.helper.make_tensor_value_info(raw, proto.TensorProto.UINT8, None))
    with silenced():
        session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for pixels in random_pixels(SIZE_HW, 4, seed=9):
        scores, unsigned = session.run(None, {"image": pixels[None]})
        assert np.ptp(unsigned) > 50
        np.testing.assert_array_equal(scores.astype(int), unsigned.astype(int) - 128)


def test_int8_onnx_gives_the_same_with_and_without_fused_integer_kernels(converted):
    """On x86-64 without VNNI 8-bit weights would saturate in the fused kernels; 7-bit ones do not."""
    runtime = pytest.importorskip("onnxruntime")
    plain = runtime.SessionOptions()
    plain.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with silenced():
        sessions = [
            runtime.InferenceSession(converted["onnx-int8"], options, providers=["CPUExecutionProvider"])
            for options in (runtime.SessionOptions(), plain)
        ]
    for pixels in random_pixels(SIZE_HW, 4, seed=3):
        fused, unfused = (session.run(None, {"image": pixels[None]})[0].astype(int) for session in sessions)
        # Fused kernels round once where the plain graph rounds in float.
        assert np.abs(fused - unfused).max() <= 2
