"""Our own networks fold, whatever their options, and give the same scores."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from export_networks import random_pixels
from fold_networks import NARROW, check_same, flat, kinds, with_batch_norm
from linear_layers import randomise

from fcn_edge.export.config import ExportConfig
from fcn_edge.export.fold import fold_linear
from fcn_edge.export.freeze import count_macs
from fcn_edge.export.head import apply_activation
from fcn_edge.export.load import Source
from fcn_edge.export.prepare import prepare
from fcn_edge.networks import ARCHITECTURES, build_fcn

keras = pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

SIZES = ((128, 128), (96, 160), (79, 131))
WAYS = pytest.mark.parametrize("force", [True, False], ids=["forced", "by cost"])


def name_case(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def mixes(depths):
    """Every mix of skip, depth and classes, with sizes and batch normalisation in turn."""
    options = enumerate(itertools.product(["concat", "add"], depths, [1, 2, 11, 21]))
    return [
        (*mix, bool((number + number // 4 + number // 16) % 2), SIZES[number % len(SIZES)]) for number, mix in options
    ]


def classic(skip, depth, classes, norm, size_hw, filters=None):
    model = flat(build_fcn((*size_hw, 3), filters=filters, depth=depth, classes=classes, skip=skip, logits=True))
    return with_batch_norm(model) if norm else model


@pytest.mark.parametrize(("skip", "depth", "classes", "norm", "size_hw"), mixes([2, 3, 4, 5]), ids=name_case)
def test_a_narrow_classic_network_becomes_one_sum_with_the_same_scores(skip, depth, classes, norm, size_hw):
    """Forced, since with this few filters and many classes part of the decoder is better left as it is."""
    model = classic(skip, depth, classes, norm, size_hw, NARROW[:depth])
    folding = fold_linear(model, force=True)
    assert folding.applied
    assert not {"Concatenate", "BatchNormalization"} & set(kinds(folding.model))
    check_same(folding.model, model)


@pytest.mark.parametrize(
    ("skip", "depth", "classes", "norm", "size_hw"),
    [
        *mixes([2, 3]),
        *((skip, 3, 1, norm, size_hw) for skip in ("concat", "add") for norm in (False, True) for size_hw in SIZES),
        ("concat", 4, 21, False, (79, 131)),
        ("add", 5, 1, False, (96, 160)),
    ],
    ids=name_case,
)
def test_the_classic_network_folds_at_full_width(skip, depth, classes, norm, size_hw):
    folding = fold_linear(classic(skip, depth, classes, norm, size_hw))
    (region,) = (region for region in folding.regions if region.end == "head")
    assert folding.applied
    assert region.applied


def test_the_decoder_of_the_reference_needs_no_more_than_four_convolutions_counted_by_hand():
    model = flat(build_fcn((128, 128, 3), logits=True))
    folding = fold_linear(model)
    check_same(folding.model, model)
    # Kernel, channels in and out at each level: from the last pool with the third convolution at 32x32, and so on.
    by_hand = 16**2 * 4 * 256 * 64 + 32**2 * 4 * 256 * 16 + 64**2 * 4 * 128 * 4 + 128**2 * 64
    (region,) = (region for region in folding.regions if region.end == "head")
    assert region.macs_after <= by_hand
    encoder = 9 * (128**2 * 3 * 64 + 64**2 * 64 * 128 + 32**2 * 128 * 256)
    assert count_macs(folding.model) == encoder + region.macs_after


@WAYS
@pytest.mark.parametrize(("size_hw", "classes"), [((64, 96), 1), ((39, 67), 3)], ids=name_case)
@pytest.mark.parametrize("name", ["fcn32s", "fcn16s", "fcn8s"])
def test_the_networks_of_the_paper_give_the_same_scores(name, classes, size_hw, force):
    """Random weights, as if all of them had been trained: the last bilinear kernel too."""
    model = flat(ARCHITECTURES[name]((*size_hw, 3), classes=classes, width=0.01, logits=True))
    check_same(fold_linear(model, force=force).model, model)


@WAYS
def test_the_bilinear_kernels_of_fcn8s_stay_exact(force):
    """As they start: fixed, and zero between classes."""
    model = ARCHITECTURES["fcn8s"]((39, 67, 3), classes=3, width=0.01, logits=True)
    kernels = {layer.name: layer.get_weights() for layer in model.layers if "upsample" in layer.name}
    model = flat(model)
    for name, weights in kernels.items():
        model.get_layer(name).set_weights(weights)
    check_same(fold_linear(model, force=force).model, model)


@WAYS
def test_batch_norm_in_the_encoder_folds_into_its_convolutions(force):
    model = flat(build_fcn((64, 80, 3), filters=NARROW[:3], convs=2, batch_norm=True, logits=True))
    folded = fold_linear(model, force=force).model
    assert "BatchNormalization" not in kinds(folded)
    check_same(folded, model)


@pytest.mark.parametrize("classes", [1, 4])
def test_a_trained_model_folds_from_its_probabilities_to_logits(classes):
    """The way of an export: flatten, take the head off, fold; putting the head back gives what the model gives."""
    size_hw = (39, 45)
    network = build_fcn((*size_hw, 3), filters=(16, 32, 48), classes=classes, rescale=True)
    randomise(network, 3)
    pixels = random_pixels(size_hw, count=3)
    source = Source(Path("run"), "keras", network, size_hw, None, "", "run")
    prepared = prepare(source, ExportConfig(data=Path(), out=Path()), pixels)
    folding = fold_linear(prepared.model)
    assert folding.applied
    for image in pixels[:, None].astype(np.float32):
        logits = np.asarray(folding.model(image))
        found = apply_activation(logits, "sigmoid" if classes == 1 else "softmax")
        np.testing.assert_allclose(found, np.asarray(network(image)), atol=1e-5)


def test_a_softmax_that_is_kept_stays_behind_the_folded_scores():
    model = flat(build_fcn((32, 48, 3), filters=(16, 32), classes=3))
    folding = fold_linear(model, force=True)
    assert folding.applied
    found = np.asarray(folding.model(random_pixels((32, 48)).astype(np.float32) / 256))
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
    check_same(folding.model, model)


def test_folding_leaves_the_model_itself_as_it_was():
    model = flat(build_fcn((32, 48, 3), filters=NARROW[:2], logits=True))
    before = kinds(model), [weight.copy() for weight in model.get_weights()]
    fold_linear(model, force=True)
    assert kinds(model) == before[0]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before[1], strict=True))


def test_folding_twice_changes_nothing_more():
    model = flat(build_fcn((32, 48, 3), filters=(16, 32), logits=True))
    once = fold_linear(model).model
    twice = fold_linear(once).model
    assert count_macs(twice) == count_macs(once)
    check_same(twice, model)
