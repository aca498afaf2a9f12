"""What a comparison tells beyond mIoU: held to the pixels themselves."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from threshold_models import SIZE_HW, brightness_labels, make_threshold_model

from fcn_edge import metrics
from fcn_edge.dataset import open_folder, read_mask
from fcn_edge.image_file import read_image
from fcn_edge.measure.accuracy import CompareConfig, compare
from fcn_edge.measure.accuracy.agreement import BAND_SHARE
from fcn_edge.measure.accuracy.result import to_json
from fcn_edge.measure.accuracy.variant import open_variant
from fcn_edge.measure.spec import VariantSpec
from fcn_edge.model_file import read_card, resolve
from fcn_edge.scenes import SceneConfig, draw_scene, write_data_folder

TINY = Path(__file__).parent / "models" / "tiny.labels.fp32.tflite"
LOW, HIGH = 30.0, 60.0
IMAGES = 52
CANDIDATE, REFERENCE = "bright.int8.onnx", "bright.fp32.onnx"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    config = SceneConfig(stain="fluorescence")
    return open_folder(write_data_folder(root, train=0, val=IMAGES, seed=2, size_hw=SIZE_HW, config=config))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [make_threshold_model(folder / CANDIDATE, HIGH), make_threshold_model(folder / REFERENCE, LOW)]


@pytest.fixture(scope="module")
def report(models, data):
    return compare(models, data)


@pytest.fixture(scope="module")
def agreement(report):
    return report.agreement[0]


def _maps(data, level):
    return [brightness_labels(read_image(s.image_path), level) for s in data.samples("val")]


def _truths(data):
    return [read_mask(s.mask_path) for s in data.samples("val")]


@pytest.mark.parametrize(("name", "level"), [(CANDIDATE, HIGH), (REFERENCE, LOW)])
def test_boundary_iou_is_pooled_over_the_images(report, data, name, level):
    pairs = zip(_truths(data), _maps(data, level), strict=True)
    counts = sum(metrics.boundary_counts(truth, labels, classes=2) for truth, labels in pairs)
    expected = metrics.intersection_over_union(*counts)
    variant = report.variant(name)

    assert list(variant.per_class_boundary_iou.values()) == pytest.approx(expected)
    assert variant.boundary_iou == pytest.approx(expected.mean())


def test_agreement_is_told_inside_and_outside_the_band_around_borders(report, agreement, data):
    low, high = (np.stack(_maps(data, level)) for level in (LOW, HIGH))
    width = max(1, round(BAND_SHARE * np.hypot(*SIZE_HW)))
    band = np.stack([metrics.border_band(labels, width) for labels in low])

    assert report.boundary_band_px == width
    assert agreement.inside_boundary == pytest.approx((low == high)[band].mean())
    assert agreement.outside_boundary == pytest.approx((low == high)[~band].mean())
    assert agreement.boundary_pixels == pytest.approx(band.mean())
    assert [flip.inside_boundary for flip in agreement.flips] == [int((low != high)[band].sum())]


def test_agreement_by_class_is_the_iou_of_both_models(agreement, data):
    low, high = (np.stack(_maps(data, level)) for level in (LOW, HIGH))
    expected = [((low == k) & (high == k)).sum() / ((low == k) | (high == k)).sum() for k in (0, 1)]

    assert list(agreement.per_class_agreement.values()) == pytest.approx(expected)


def test_the_margin_at_flips_is_that_of_the_scores_there(agreement, data):
    images = np.stack([read_image(s.image_path) for s in data.samples("val")]).astype(np.float32).mean(axis=-1)
    flipped = (images > LOW) & ~(images > HIGH)
    expected = np.quantile(images[flipped] - LOW, (0.1, 0.5, 0.9), method="inverted_cdf")
    found = agreement.margin.flipped

    assert agreement.margin.unit == "logit"
    assert (found.p10, found.p50, found.p90) == pytest.approx(tuple(expected), rel=0.01)
    assert agreement.margin.closer_everywhere == pytest.approx((abs(images - LOW) <= found.p90).mean(), abs=0.01)


def test_intervals_hold_the_figures_they_are_of(report, agreement):
    for variant in report.variants:
        assert variant.miou_ci[0] < variant.miou < variant.miou_ci[1]
        for name, iou in variant.per_class_iou.items():
            assert variant.per_class_iou_ci[name][0] < iou < variant.per_class_iou_ci[name][1]
    assert agreement.pixel_ci[0] < agreement.pixel < agreement.pixel_ci[1]
    assert agreement.drop_ci[0] < agreement.drop_points < agreement.drop_ci[1]
    assert agreement.miou_kept_ci[0] < agreement.miou_kept < agreement.miou_kept_ci[1]


def test_a_paired_drop_is_more_certain_than_two_figures_apart(report, agreement):
    apart = sum(100 * (variant.miou_ci[1] - variant.miou_ci[0]) for variant in report.variants)

    assert agreement.drop_ci[1] - agreement.drop_ci[0] < apart


def test_the_drop_is_that_of_the_figures(report, agreement):
    reference, candidate = report.variant(REFERENCE), report.variant(CANDIDATE)

    assert agreement.drop_points == report.drop(CANDIDATE)
    assert agreement.miou_kept == candidate.miou / reference.miou
    for name, lost in agreement.per_class_drop_points.items():
        assert lost == pytest.approx(100 * (reference.per_class_iou[name] - candidate.per_class_iou[name]))


def test_a_copy_has_drops_of_exactly_nothing(models, data, tmp_path):
    copy = tmp_path / "copy.fp32.onnx"
    copy.write_bytes(models[1].read_bytes())
    found = compare([models[1], copy], data)
    (agreement,) = found.agreement

    assert (agreement.drop_points, agreement.drop_ci, agreement.miou_kept_ci) == (0.0, (0.0, 0.0), (1.0, 1.0))
    assert (agreement.inside_boundary, agreement.outside_boundary, agreement.margin) == (1.0, 1.0, None)
    assert (agreement.worst_by_class, found.findings) == ((), ())


def test_fewer_than_fifty_images_have_no_intervals(models, data):
    found = compare(models, data, config=CompareConfig(limit=49))
    (agreement,) = found.agreement

    assert [(v.miou_ci, v.per_class_iou_ci["nucleus"]) for v in found.variants] == [(None, None)] * 2
    assert (agreement.drop_ci, agreement.miou_kept_ci, agreement.pixel_ci) == (None, None, None)
    assert "few_images" in [finding.kind for finding in found.findings]


def test_another_seed_draws_other_images(models, data, report):
    other = compare(models, data, config=CompareConfig(seed=1))

    assert other.variants[0].miou_ci != report.variants[0].miou_ci
    assert other.variants[0].miou_ci == pytest.approx(report.variants[0].miou_ci, abs=0.01)


def test_the_images_where_a_class_lost_most_are_named(agreement, data):
    truths, low, high = _truths(data), _maps(data, LOW), _maps(data, HIGH)
    ids = [sample.sample_id for sample in data.samples("val")]
    (loss,) = [loss for loss in agreement.worst_by_class if loss.class_name == "nucleus"]
    more_wrong = {
        name: int(((b == 1) != (t == 1)).sum()) - int(((a == 1) != (t == 1)).sum())
        for name, t, a, b in zip(ids, truths, low, high, strict=True)
    }

    assert loss.drop_points == agreement.per_class_drop_points["nucleus"]
    assert [sample.pixels for sample in loss.images] == sorted(more_wrong.values(), reverse=True)[:3]
    assert all(more_wrong[sample.sample_id] == sample.pixels for sample in loss.images)


def test_images_where_a_class_lost_most_get_pictures_too_but_no_image_two(models, data, tmp_path):
    config = CompareConfig(worst=2, pictures=tmp_path / "pictures")
    (agreement,) = compare(models, data, config=config).agreement
    named = {sample.sample_id: sample.picture for sample in agreement.worst}
    for loss in agreement.worst_by_class:
        assert len(loss.images) == 2
        for sample in loss.images:
            assert named.setdefault(sample.sample_id, sample.picture) == sample.picture

    assert sorted(named.values()) == sorted((tmp_path / "pictures").iterdir())


def test_the_picture_of_an_image_segmented_again_is_that_of_its_labels(models, data, tmp_path):
    """Not among the worst overall, so its labels were not kept."""
    few, many = (CompareConfig(worst=n, pictures=tmp_path / str(n)) for n in (1, IMAGES))
    (seldom,), (always,) = compare(models, data, config=few).agreement, compare(models, data, config=many).agreement
    kept = {sample.sample_id: sample.picture for sample in always.worst}
    found = [sample for loss in seldom.worst_by_class for sample in loss.images]

    assert found
    for sample in found:
        assert sample.picture.read_bytes() == kept[sample.sample_id].read_bytes()


def test_without_masks_classes_are_judged_by_agreement(models, tmp_path):
    root = write_data_folder(tmp_path, train=0, val=3, size_hw=SIZE_HW, config=SceneConfig(stain="fluorescence"))
    for mask in (root / "masks" / "val").iterdir():
        mask.unlink()
    (agreement,) = compare(models, open_folder(root)).agreement
    (loss,) = [loss for loss in agreement.worst_by_class if loss.class_name == "nucleus"]

    assert (agreement.drop_points, agreement.drop_ci, loss.drop_points) == (None, None, None)
    assert [sample.iou for sample in loss.images] == [None] * len(loss.images)
    assert loss.images[0].pixels > 0


def test_ignored_pixels_take_no_part_in_boundary_iou(models, tmp_path):
    root = write_data_folder(tmp_path, train=0, val=1, size_hw=SIZE_HW, config=SceneConfig(stain="fluorescence"))
    sample = open_folder(root).samples("val")[0]
    right = brightness_labels(read_image(sample.image_path), LOW)
    right[:, :20] = 255
    cv2.imwrite(str(sample.mask_path), right)

    assert compare(models[1:], open_folder(root)).variants[0].boundary_iou == 1.0


def test_a_reference_that_gives_class_ids_has_no_margin(tmp_path):
    root = write_data_folder(tmp_path, train=0, val=1, size_hw=(32, 48))
    names = tuple(spec.name for spec in read_card(TINY).classes)
    (root / "classes.txt").write_text("\n".join(names))
    (agreement,) = compare(
        [TINY, make_threshold_model(tmp_path / CANDIDATE, HIGH, names=names)], open_folder(root)
    ).agreement

    assert agreement.reference == TINY.name
    assert agreement.flips
    assert agreement.margin is None


@pytest.mark.parametrize("size_hw", [(128, 128), (200, 150)])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_scores_of_the_reference_decide_the_classes_that_it_gives_by_itself(precision, size_hw):
    path = resolve(f"nuclei.{precision}.tflite")
    image_bgr, _ = draw_scene(np.random.default_rng(0), size_hw)
    variant = open_variant(VariantSpec(path, name=path.name), ("background", "nucleus"))
    labels, scores = variant.look(image_bgr, tile=False)

    assert scores.shape == (*size_hw, 1)
    assert 0 < labels.mean() < 1
    np.testing.assert_array_equal(labels, variant.labels(image_bgr, tile=False))


def test_the_json_holds_all_of_it(report, tmp_path):
    content = json.loads(json.dumps(to_json(report)))
    (agreement,) = content["agreement"]

    assert content["boundary_band_px"] == 1
    assert {"boundary_iou", "per_class_boundary_iou", "miou_ci", "per_class_iou_ci"} <= set(content["variants"][0])
    assert {"inside_boundary", "outside_boundary", "margin", "drop_points", "drop_ci"} <= set(agreement)
    assert set(agreement["flips"][0]) == {"from", "to", "pixels", "inside_boundary"}
    assert set(agreement["worst_by_class"][0]) == {"class", "drop_points", "images"}
    assert set(agreement["worst_by_class"][0]["images"][0]) == {"id", "pixels", "iou", "reference_iou"}
    assert set(content["findings"][0]) == {"kind", "model", "text", "hint", "severity"}
