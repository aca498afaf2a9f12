"""The reference against its definition, Keras, TFLite and ONNX; and every number of the explaining page."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_edge.errors import UsageError
from fcn_edge.networks.bilinear import bilinear_kernel
from fcn_edge.networks.transposed import output_size, transposed_convolution

PAGE = Path(__file__).parents[1] / "models" / "TRANSPOSED_CONVOLUTION.md"

# (kernel, strides, padding): classic FCN, 2x2 without overlap, overlapping, the last step of FCN-8s, rectangular ones,
# and a kernel smaller than its stride, which leaves holes.
CASES = [
    ((3, 3), (2, 2), "same"),
    ((2, 2), (2, 2), "valid"),
    ((3, 3), (2, 2), "valid"),
    ((4, 4), (2, 2), "same"),
    ((16, 16), (8, 8), "same"),
    ((3, 3), (1, 1), "same"),
    ((5, 2), (2, 1), "valid"),
    ((2, 5), (3, 2), "same"),
    ((1, 2), (3, 3), "same"),
]
# Where a kernel is smaller than its stride, tf2onnx 1.17 writes negative pads, which ONNX Runtime refuses to load.
ONNX_CASES = [case for case in CASES if case[0][0] >= case[1][0] and case[0][1] >= case[1][1]]
# Both sum the same float32 products in another order: a few units in the last place of values around 10.
TOLERANCE = 2e-5


def name_case(value):
    return value if isinstance(value, str) else "x".join(map(str, value))


def scatter(images, kernel, strides, padding):
    """The definition: every input pixel stamps the kernel, times its value, onto the output; "same" then crops."""
    count, height, width, _ = images.shape
    rows, columns, channels, _ = kernel.shape
    out_h = (height - 1) * strides[0] + max(rows, strides[0])
    out_w = (width - 1) * strides[1] + max(columns, strides[1])
    out = np.zeros((count, out_h, out_w, channels))
    for y in range(height):
        for x in range(width):
            stamp = np.einsum("ni,rcoi->nrco", images[:, y, x], kernel)
            out[:, y * strides[0] : y * strides[0] + rows, x * strides[1] : x * strides[1] + columns] += stamp
    if padding == "valid":
        return out
    top, left = max(rows - strides[0], 0) // 2, max(columns - strides[1], 0) // 2
    return out[:, top : top + height * strides[0], left : left + width * strides[1]]


def along_one_axis(values, weights, stride, padding="valid"):
    images, kernel = np.asarray(values).reshape(1, 1, -1, 1), np.asarray(weights).reshape(1, -1, 1, 1)
    return transposed_convolution(images, kernel, strides=(1, stride), padding=padding)[0, 0, :, 0]


def random_case(kernel_hw, size_hw=(4, 5)):
    rng = np.random.default_rng(7)
    images = rng.normal(size=(1, *size_hw, 3)).astype(np.float32)
    return images, rng.normal(size=(*kernel_hw, 2, 3)).astype(np.float32), rng.normal(size=2).astype(np.float32)


def keras_layer(kernel, bias, strides, padding, size_hw=(4, 5)):
    keras = pytest.importorskip("keras", reason="needs Keras, of the extra train")
    layer = keras.layers.Conv2DTranspose(kernel.shape[2], kernel.shape[:2], strides=strides, padding=padding)
    layer.build((1, *size_hw, kernel.shape[3]))
    layer.set_weights([kernel, bias])
    return layer


def concrete_function(layer):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow, of the extra export")
    signature = [tf.TensorSpec((1, 4, 5, 3), tf.float32, name="images")]
    return tf, tf.function(layer, input_signature=signature), signature


@given(st.data())
@settings(deadline=None)
def test_zero_insertion_equals_stamping_the_kernel(data):
    sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
    size_hw, kernel_hw, strides = data.draw(sizes), data.draw(sizes), data.draw(sizes)
    padding = data.draw(st.sampled_from(["same", "valid"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    images, kernel = rng.normal(size=(2, *size_hw, 2)), rng.normal(size=(*kernel_hw, 3, 2))
    result = transposed_convolution(images, kernel, strides=strides, padding=padding)
    np.testing.assert_allclose(result, scatter(images, kernel, strides, padding), atol=1e-12)


@given(st.data())
@settings(deadline=None)
def test_it_is_the_transpose_of_the_convolution_with_the_same_kernel(data):
    """<convolution(y), x> = <y, transposed(x)>, which is where the name comes from (one channel, one axis)."""
    size, kernel, stride = (data.draw(st.integers(1, 5)) for _ in range(3))
    rng = np.random.default_rng(0)
    weights, x = rng.normal(size=kernel), rng.normal(size=size)
    y = rng.normal(size=output_size(size, kernel, stride, "valid"))
    convolved = np.array([y[i * stride : i * stride + kernel] @ weights for i in range(size)])
    assert convolved @ x == pytest.approx(y @ along_one_axis(x, weights, stride), abs=1e-9)


@pytest.mark.parametrize(("kernel_hw", "strides", "padding"), CASES, ids=name_case)
def test_keras_agrees(kernel_hw, strides, padding):
    images, kernel, bias = random_case(kernel_hw)
    expected = transposed_convolution(images, kernel, bias, strides=strides, padding=padding)
    result = np.asarray(keras_layer(kernel, bias, strides, padding)(images))
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=TOLERANCE)


@pytest.mark.parametrize(("kernel_hw", "strides", "padding"), CASES, ids=name_case)
def test_tflite_agrees(kernel_hw, strides, padding):
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    images, kernel, bias = random_case(kernel_hw)
    tf, function, _ = concrete_function(keras_layer(kernel, bias, strides, padding))
    to_constants = importlib.import_module("tensorflow.python.framework.convert_to_constants")
    frozen = to_constants.convert_variables_to_constants_v2(function.get_concrete_function())
    content = tf.lite.TFLiteConverter.from_concrete_functions([frozen]).convert()
    interpreter = litert.Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    assert "TRANSPOSE_CONV" in [op["op_name"] for op in interpreter._get_ops_details()]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
    interpreter.invoke()
    result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    expected = transposed_convolution(images, kernel, bias, strides=strides, padding=padding)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=TOLERANCE)


@pytest.mark.parametrize(("kernel_hw", "strides", "padding"), ONNX_CASES, ids=name_case)
def test_onnx_agrees(kernel_hw, strides, padding):
    ort = pytest.importorskip("onnxruntime", reason="needs ONNX Runtime, of the extra onnx")
    tf2onnx = pytest.importorskip("tf2onnx", reason="needs tf2onnx, of the extra export")
    images, kernel, bias = random_case(kernel_hw)
    _, function, signature = concrete_function(keras_layer(kernel, bias, strides, padding))
    model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17)
    assert "ConvTranspose" in [node.op_type for node in model.graph.node]
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {session.get_inputs()[0].name: images})
    expected = transposed_convolution(images, kernel, bias, strides=strides, padding=padding)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=TOLERANCE)


def test_the_bilinear_kernel_interpolates_between_pixel_centres():
    ramp = np.arange(6.0)
    result = along_one_axis(ramp, bilinear_kernel(2, 1)[1, :, 0, 0] / 0.75, 2, "same")
    np.testing.assert_allclose(result[1:-1], (np.arange(12)[1:-1] + 0.5) / 2 - 0.5)


@pytest.mark.parametrize(
    ("images", "kernel", "options"),
    [
        (np.zeros((4, 4, 1)), np.zeros((2, 2, 1, 1)), {}),
        (np.zeros((1, 4, 4, 2)), np.zeros((2, 2, 2, 1)), {}),
        (np.zeros((1, 4, 4, 1)), np.zeros((2, 2, 1, 1)), {"strides": (0, 1)}),
        (np.zeros((1, 4, 4, 1)), np.zeros((2, 2, 1, 1)), {"padding": "full"}),
    ],
)
def test_what_does_not_fit_is_refused(images, kernel, options):
    with pytest.raises(UsageError):
        transposed_convolution(images, kernel, **options)


def test_a_kernel_of_two_stamps_onto_the_output_as_the_page_says():
    """Every line of the page such as ``[a, b] with [w1, w2] at stride 1 gives [a·w1, …]``, letters or numbers."""
    lines = re.findall(
        r"^\[(.*)\] with \[(.*)\] at stride (\d)(, same,)? gives \[(.*)\]$", PAGE.read_text(), re.MULTILINE
    )
    assert len(lines) == 15
    for values, weights, stride, same, result in lines:
        computed = along_one_axis(numbers(values), numbers(weights), int(stride), "same" if same else "valid")
        np.testing.assert_allclose(computed, numbers(result), atol=1e-12, err_msg=values)


def numbers(text):
    """Read ``a·w1, a·w2 + b·w1`` or ``20, 32``; letters stand for primes, so that no two sums agree by chance."""
    letters = {"a": 2, "b": 3, "w1": 5, "w2": 7}
    sums = [[term.split("·") for term in entry.split("+")] for entry in text.split(",")]
    value = {
        name: letters.get(name) or float(name) for entry in sums for term in entry for name in map(str.strip, term)
    }
    return [sum(np.prod([value[factor.strip()] for factor in term]) for term in entry) for entry in sums]


@pytest.mark.parametrize(("stride", "side"), [(2, 4), (1, 3)])
def test_two_by_two_with_two_by_two_gives_what_the_page_shows(stride, side):
    block = next(b for b in PAGE.read_text().split("```") if f"at stride {stride} gives     1" in b)
    rows = [line[43:].split() for line in block.splitlines() if re.search(r"\d", line)]
    images, kernel = np.array([[1, 2], [3, 4]]), np.array([[1, 10], [100, 1000]])
    result = transposed_convolution(images[None, ..., None], kernel[..., None, None], strides=(stride, stride))
    assert result.shape == (1, side, side, 1)
    np.testing.assert_array_equal(result[0, ..., 0], np.array(rows, float))


def test_the_output_sizes_of_the_page_are_those_of_the_reference():
    header, valid, same = re.findall(r"^\| (?:padding|`valid`|`same`) \|.*$", PAGE.read_text(), re.MULTILINE)
    cases = [tuple(map(int, found)) for found in re.findall(r"n=(\d+), k=(\d+), s=(\d+)", header)]
    assert len(cases) == 4
    for line, padding in ((valid, "valid"), (same, "same")):
        printed = [int(cell) for cell in line.split("|") if cell.strip().isdigit()]
        assert printed == [output_size(n, k, s, padding) for n, k, s in cases]
        computed = [along_one_axis(np.ones(n), np.ones(k), s, padding).size for n, k, s in cases]
        assert printed == computed


def test_same_cuts_the_larger_half_behind():
    whole = along_one_axis([1, 2], [1, 10, 100], 2)
    np.testing.assert_array_equal(along_one_axis([1, 2], [1, 10, 100], 2, "same"), whole[:-1])


def test_two_transposed_convolutions_are_one_where_nothing_cut_off_would_come_back():
    composed = along_one_axis([1, 2, 1], [1, 10, 100], 2)
    apart = along_one_axis(along_one_axis([1, 2], [1, 2, 1], 2, "same"), [1, 10, 100], 2, "same")
    np.testing.assert_array_equal(along_one_axis([1, 2], composed, 4)[:8], apart)
    wide = np.ones(4)
    apart = along_one_axis(along_one_axis([1], wide, 2, "same"), wide, 2, "same")
    assert not np.array_equal(along_one_axis([1], along_one_axis(wide, wide, 2), 4, "same"), apart)


def test_counts_of_a_checkerboard_multiply_in_two_dimensions():
    result = transposed_convolution(np.ones((1, 3, 3, 1)), np.ones((3, 3, 1, 1)), strides=(2, 2))
    assert np.unique(result).tolist() == [1, 2, 4]


def test_the_bilinear_weights_of_the_page_are_those_the_networks_start_with():
    ramp = [0.25, 0.75, 0.75, 0.25]
    np.testing.assert_array_equal(bilinear_kernel(2, 1)[..., 0, 0], np.outer(ramp, ramp))
    assert str(ramp) in PAGE.read_text()


def test_concatenation_adds_channels_where_addition_adds_nothing():
    pytest.importorskip("keras", reason="needs Keras, of the extra train")
    from fcn_edge.networks import build_fcn

    shapes = {}
    for skip in ("concat", "add"):
        kind = {"concat": "Concatenate", "add": "Add"}[skip]
        layers = [x for x in build_fcn((128, 128, 3), skip=skip).layers if type(x).__name__ == kind]
        assert [x.shape[1:] for x in layers[0].input] == [(32, 32, 256)] * 2
        shapes[skip] = layers[0].output.shape[1:]
    assert shapes == {"concat": (32, 32, 512), "add": (32, 32, 256)}
