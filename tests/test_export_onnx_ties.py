"""Scales with which an int8 sum is rounded alike by x86-64's floats, in a real runtime, and by arm64's integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_edge.export.onnx_ties import Quantized, settle_sums

onnx = pytest.importorskip("onnx", reason="needs the extra export")
ort = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytestmark = pytest.mark.desk

FIRST, SECOND = (values.ravel().astype(np.uint8) for values in np.meshgrid(range(256), range(256), indexing="ij"))


def uint8(scale, zero_point):
    return Quantized(np.float32(scale), zero_point, 0, 255)


# Of a trained network; two of the sums were rounded differently.
UNSETTLED = (uint8(0.33753294, 130), uint8(0.240516, 150), uint8(0.35110357, 127))
SETTLED = (uint8(0.38115513, 120), uint8(0.28276387, 140), uint8(0.47461212, 141))


def sum_model(a, b, result):
    """A graph of one quantised sum of two uint8 vectors."""
    make, constants = onnx.helper.make_node, []

    def scale_and_zero(name, of):
        constants.append(onnx.numpy_helper.from_array(np.array(of.scale, np.float32), f"{name}_scale"))
        constants.append(onnx.numpy_helper.from_array(np.array(of.zero_point, np.uint8), f"{name}_zero"))
        return [f"{name}_scale", f"{name}_zero"]

    nodes = [
        make("DequantizeLinear", ["a", *scale_and_zero("a", a)], ["a_real"]),
        make("DequantizeLinear", ["b", *scale_and_zero("b", b)], ["b_real"]),
        make("Add", ["a_real", "b_real"], ["sum"]),
        make("QuantizeLinear", ["sum", *scale_and_zero("c", result)], ["c"]),
    ]
    a_info, b_info, c_info = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, [len(FIRST)]) for name in "abc"
    )
    graph = onnx.helper.make_graph(nodes, "sum", [a_info, b_info], [c_info], constants)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def scale_of(model):
    [constant] = [item for item in model.graph.initializer if item.name == "c_scale"]
    return np.float32(onnx.numpy_helper.to_array(constant))


def in_runtime(model):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"a": FIRST, "b": SECOND})[0].astype(int)


def on_arm64(a, b, result, scale):
    """What ONNX Runtime's arm64 kernel gives, in integers of Python's."""
    ratios = [float(np.float32(operand.scale / scale)) for operand in (a, b)]
    shift = 21 - int(np.floor(np.log2(max(ratios))))
    by_a, by_b = (round(ratio * 2**shift) for ratio in ratios)
    total = (FIRST.astype(int) - a.zero_point) * by_a + (SECOND.astype(int) - b.zero_point) * by_b
    rounded = np.where(total < 0, -((-total + 2 ** (shift - 1)) // 2**shift), (total + 2 ** (shift - 1)) // 2**shift)
    return np.clip(rounded + result.zero_point, 0, 255)


def test_a_sum_that_processors_round_differently_gets_a_scale_with_which_they_do_not():
    model = sum_model(*UNSETTLED)
    assert (in_runtime(model) != on_arm64(*UNSETTLED, scale_of(model))).sum() == 2
    assert settle_sums(model) == 0
    np.testing.assert_array_equal(in_runtime(model), on_arm64(*UNSETTLED, scale_of(model)))


def test_the_scale_grows_by_less_than_a_thousandth():
    model = sum_model(*UNSETTLED)
    settle_sums(model)
    assert 1 < scale_of(model) / UNSETTLED[2].scale < 1.001


def test_a_scale_with_which_all_agree_stays():
    model = sum_model(*SETTLED)
    before = model.SerializeToString()
    assert settle_sums(model) == 0
    assert model.SerializeToString() == before


@settings(max_examples=25, deadline=None)
@given(*(st.builds(uint8, st.floats(0.01, 1), st.integers(0, 255)) for _ in range(3)))
def test_any_sum_is_rounded_alike(a, b, result):
    model = sum_model(a, b, result)
    assert settle_sums(model) == 0
    np.testing.assert_array_equal(in_runtime(model), on_arm64(a, b, result, scale_of(model)))


def test_a_ratio_that_arm64_computes_otherwise_is_counted_as_left():
    model = sum_model(uint8(1, 0), uint8(1, 0), uint8(1e-3, 0))
    before = model.SerializeToString()
    assert settle_sums(model) == 1
    assert model.SerializeToString() == before


def test_a_sum_of_floats_is_left_alone():
    model = sum_model(*UNSETTLED)
    model.graph.output[0].name = "sum"
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    del model.graph.node[-1]
    before = model.SerializeToString()
    assert settle_sums(model) == 0
    assert model.SerializeToString() == before
