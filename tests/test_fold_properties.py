"""Folding leaves the scores of random decoders as they were, to the roundings of their number format."""

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from linear_decoders import Node, Plan, decoders
from linear_layers import answers, build, difference, probe_images, scores
from linear_oracle import compute, weights_of

from fcn_edge.export.fold import fold_linear

pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

# float32 rounds to 6e-8; sums of some hundred products lose two digits of it.
FLOAT32 = 1e-5
FLOAT64 = 1e-12
# Whole regions rewritten whatever that costs, and what the cost model makes of them.
WAYS = pytest.mark.parametrize("force", [True, False], ids=["forced", "by cost"])
ODD = ((79, 131), (64, 96), (33, 50))


# (kernel, stride) of two transposed convolutions, one behind the other. With "same" padding the crop between most of
# them cuts off what the second would have spread back into the picture. The last ones leave holes.
PAIRS = [
    ((3, 2), (3, 2)),
    ((2, 2), (3, 2)),
    ((4, 2), (4, 2)),
    ((4, 2), (16, 8)),
    ((16, 8), (4, 2)),
    ((5, 2), (3, 1)),
    ((7, 1), (6, 3)),
    ((5, 4), (7, 2)),
    ((1, 2), (4, 2)),
    ((2, 3), (3, 5)),
]


def check(plan, *, force):
    """Fold the float32 model of a plan and hold it to the model as it was."""
    model = build(plan)
    folding = fold_linear(model, force=force)
    event(f"applied: {folding.applied}")
    assert tuple(folding.model.outputs[0].shape) == tuple(model.outputs[0].shape)
    images = probe_images(plan.size_hw)
    wanted = scores(model, images)
    assume(answers(wanted))
    assert difference(scores(folding.model, images), wanted) <= FLOAT32


def expected(plan, model, images):
    weights = weights_of(model)
    return np.concatenate([compute(plan, weights, image)[-1] for image in images])


@WAYS
@given(decoders())
@settings(max_examples=12)
def test_a_linear_decoder_gives_the_same_scores(force, plan):
    check(plan, force=force)


@WAYS
@given(decoders(sizes=ODD, max_side=160))
@settings(max_examples=3)
def test_a_linear_decoder_of_a_larger_odd_size_gives_the_same_scores(force, plan):
    check(plan, force=force)


@WAYS
@given(decoders(nonlinear=True))
@settings(max_examples=8)
def test_a_decoder_with_nonlinear_steps_gives_the_same_scores(force, plan):
    check(plan, force=force)


@given(decoders())
@settings(max_examples=16)
def test_in_float64_only_the_last_digits_differ_from_the_definition(plan):
    model = build(plan, "float64")
    folded = fold_linear(model, force=True).model
    images = probe_images(plan.size_hw)
    found, wanted = scores(folded, images), expected(plan, model, images)
    assume(answers(wanted))
    assert found.dtype == np.float64
    # TensorFlow interpolates in float32 whatever it is given; where that was folded, nothing of it is left.
    left = any(getattr(layer, "interpolation", "") == "bilinear" for layer in folded.layers)
    event("bilinear " + ("left" if left else "folded" if "bilinear" in plan.kinds() else "absent"))
    assert difference(found, wanted) <= (FLOAT32 if left else FLOAT64)


@pytest.mark.parametrize("paddings", [("same", "same"), ("same", "valid"), ("valid", "same")], ids="-".join)
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_transposed_convolutions_become_one_exactly(first, second, paddings):
    nodes = [Node("image", (), (3, 4, 3), {})]
    for (kernel, stride), padding in zip((first, second), paddings, strict=True):
        grown = max(kernel - stride, 0) if padding == "valid" else 0
        height, width, _ = nodes[-1].shape
        options = {"kernel": (kernel, kernel), "strides": (stride, stride), "padding": padding, "bias": True}
        shape = (height * stride + grown, width * stride + grown, 2)
        nodes.append(Node("transposed", (len(nodes) - 1,), shape, options))
    plan = Plan(tuple(nodes), seed=0)
    model = build(plan, "float64")
    images = probe_images(plan.size_hw)
    folding = fold_linear(model, force=True)
    assert folding.applied
    assert difference(scores(folding.model, images), expected(plan, model, images)) <= FLOAT64


@given(decoders(sizes=((3, 4), (4, 3), (1, 5)), max_side=24, encoder=False, bilinear=False))
@settings(max_examples=5)
def test_the_matrix_of_a_decoder_is_the_one_found_by_probing_it_with_impulses(plan):
    model = build(plan, "float64")
    folded = fold_linear(model, force=True).model
    shape = plan.nodes[0].shape
    impulses = np.eye(np.prod(shape)).reshape(-1, *shape)
    weights = weights_of(model)
    constant = compute(plan, weights, np.zeros((1, *shape)))[-1]
    matrix = compute(plan, weights, impulses)[-1] - constant
    found_constant = scores(folded, [np.zeros((1, *shape))])
    found = scores(folded, [impulse[None] for impulse in impulses]) - found_constant
    largest = max(np.abs(matrix).max(), np.abs(constant).max())
    assert np.abs(found_constant - constant).max() <= FLOAT64 * largest
    assert np.abs(found - matrix).max() <= FLOAT64 * largest


@given(decoders(nonlinear=True))
@settings(max_examples=10)
def test_the_drawn_decoders_agree_with_their_definition(plan):
    model = build(plan)
    images = probe_images(plan.size_hw)
    wanted = expected(plan, model, images)
    assume(answers(wanted))
    assert difference(scores(model, images), wanted) <= FLOAT32


def test_the_drawn_decoders_hold_every_kind_of_layer():
    kinds = set()

    @given(decoders(nonlinear=True))
    @settings(max_examples=60, database=None)
    def draw(plan):
        kinds.update(plan.kinds())

    draw()
    assert kinds == {
        "image", "relu_conv", "pool", "relu", "transposed", "conv", "batch_norm", "nearest", "bilinear", "crop", "pad",
        "linear", "dropout", "concat", "add",
    }  # fmt: skip


def test_the_drawn_transposed_convolutions_have_every_kernel_stride_and_padding():
    drawn = set()

    @given(decoders(max_side=160))
    @settings(max_examples=150, database=None)
    def draw(plan):
        for node in plan.nodes:
            if node.kind == "transposed":
                options = node.options
                drawn.update(("kernel", size) for size in options["kernel"])
                drawn.update(("stride", by) for by in options["strides"])
                drawn.update((name, options[name]) for name in ("padding", "bias"))
                drawn.add(("holes", options["kernel"][0] < options["strides"][0]))
        drawn.add(("channels", plan.nodes[-1].shape[2]))

    draw()
    assert {("kernel", size) for size in range(1, 8)} <= drawn
    assert {("stride", size) for size in range(1, 9)} <= drawn
    assert {("padding", "same"), ("padding", "valid"), ("bias", True), ("bias", False), ("holes", True)} <= drawn
    assert {("channels", count) for count in (1, 2, 11, 21)} <= drawn
