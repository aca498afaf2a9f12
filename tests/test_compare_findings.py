"""Findings: each rule on a comparison that calls for it, and none on a sound model."""

from __future__ import annotations

import dataclasses

from threshold_models import SIZE_HW, make_threshold_model

from fcn_edge.dataset import open_folder
from fcn_edge.measure.accuracy import AgreementReport, CompareConfig, CompareReport, VariantReport, compare
from fcn_edge.measure.accuracy.detail import ClassLoss, ClassSample, MarginPercentiles, MarginStats
from fcn_edge.measure.accuracy.findings import find
from fcn_edge.measure.accuracy.result import FlipStats
from fcn_edge.model_file import resolve
from fcn_edge.scenes import SceneConfig, write_data_folder

# Wherever they are: in the repository, or in the wheel that is tested as a device has it.
MODELS = resolve("nuclei.int8.tflite").parents[1]
CLASSES = ("background", "nucleus", "fibre")


def _variant(name: str, precision: str, iou: tuple[float | None, ...], confusion=None) -> VariantReport:
    present = [value for value in iou if value is not None]
    return VariantReport(
        name=name,
        path=name,
        format="tflite",
        precision=precision,
        bytes=1,
        runtime="",
        input_size_hw=(8, 8),
        fingerprint="",
        images=100,
        miou=sum(present) / len(present) if present else None,
        pixel_accuracy=0.9,
        per_class_iou=dict(zip(CLASSES, iou, strict=True)),
        confusion=confusion or ((900_000, 10, 10), (10, 50_000, 10), (10, 10, 40_000)),
        samples=(),
    )


def _comparison(
    iou: tuple[float | None, ...] = (0.98, 0.85, 0.80), *, precision="int8", confusion=None, **changes
) -> CompareReport:
    reference = _variant("m.fp32.tflite", "fp32", (0.98, 0.85, 0.80))
    candidate = _variant("m.int8.tflite", precision, iou, confusion)
    drops = {name: 100 * (a - b) for name, a, b in zip(CLASSES, reference.per_class_iou.values(), iou, strict=True)}
    values = {
        "candidate": candidate.name,
        "reference": reference.name,
        "pixel": 0.994,
        "images": 100,
        "flips": (FlipStats("nucleus", "background", 6000, 5900), FlipStats("fibre", "nucleus", 90, 90)),
        "worst": (),
        "samples": (),
        "inside_boundary": 0.97,
        "outside_boundary": 0.9999,
        "per_class_agreement": {"background": 0.99, "nucleus": 0.97, "fibre": 0.96},
        "drop_points": 100 * (reference.miou - candidate.miou),
        "per_class_drop_points": drops,
    }
    return CompareReport(
        data="data",
        split="val",
        classes=CLASSES,
        images=100,
        reference=reference.name,
        tiled=False,
        variants=(reference, candidate),
        agreement=(AgreementReport(**(values | changes)),),
        env=None,
        boundary_band_px=4,
    )


def _found(report: CompareReport) -> dict[str, str]:
    return {finding.kind: finding.severity for finding in find(report)}


def test_a_sound_model_gets_no_warning_but_hears_that_its_flips_are_harmless():
    (finding,) = find(_comparison())

    assert (finding.kind, finding.severity) == ("flips_at_borders", "note")
    assert finding.text == "98 % of the flips of m.int8.tflite lie within 4 px of a class border"


def test_the_shipped_int8_model_of_nuclei_gets_no_warning_on_what_it_was_made_for(tmp_path):
    report = compare(_precisions("nuclei"), open_folder(_scenes(tmp_path, "nucleus")))

    assert [f.text for f in report.findings if f.severity == "warning"] == []


def test_of_pictures_it_was_not_made_for_the_shipped_people_flips_what_the_float_file_was_unsure_of(tmp_path):
    folder = _scenes(tmp_path, "person")
    # Scenes of cells have no people in them.
    for mask in (folder / "masks" / "val").iterdir():
        mask.unlink()
    report = compare(_precisions("people"), open_folder(folder))
    margin = report.agreement[0].margin

    assert margin.flipped.p90 < margin.everywhere.p50


def _precisions(model):
    return [MODELS / model / f"{model}.{precision}.tflite" for precision in ("fp32", "int8")]


def _scenes(folder, name):
    data = write_data_folder(folder, train=0, val=12, seed=4, size_hw=(128, 128))
    (data / "classes.txt").write_text(f"background\n{name}\n")
    return data


def test_near_ties_are_told_with_the_margin_below_which_flips_lie():
    margin = MarginStats("logit", MarginPercentiles(0.01, 0.1, 0.3), MarginPercentiles(3.0, 9.0, 12.0), 0.004)
    (finding,) = find(_comparison(margin=margin))

    assert "90 % where the margin of m.fp32.tflite is below 0.3 logit (as that of 0.4 % of all pixels)" in finding.text


def test_flips_at_borders_that_cost_accuracy_are_not_called_harmless():
    hints = {
        "nothing to do": _comparison(),
        "see boundary IoU": _comparison((0.97, 0.83, 0.78)),
        "compare on images with masks": _comparison(pixel=0.95, drop_points=None),
    }
    for hint, report in hints.items():
        (found,) = [finding for finding in find(report) if finding.kind == "flips_at_borders"]
        assert hint in found.hint


def test_a_ruined_class_is_named_though_miou_hardly_moves():
    report = _comparison(
        (0.99, 0.89, 0.74),
        worst_by_class=(ClassLoss("fibre", 6.0, (ClassSample("scene_7", 90), ClassSample("b", 80))),),
    )
    warning = find(report)[0]

    assert (warning.kind, warning.severity) == ("class_lost", "warning")
    assert warning.text == (
        "m.int8.tflite loses 6.00 points of IoU of fibre, 80.00 → 74.00, while mIoU loses only 0.33"
    )
    assert warning.hint.startswith("look at scene_7, b (--pictures DIR); calibrate on more images that show fibre")


def test_a_loss_that_may_be_chance_is_only_a_note():
    chance = {"per_class_drop_ci": {"fibre": (-0.5, 12.0)}, "drop_ci": (-0.2, 4.0)}
    report = _comparison((0.98, 0.85, 0.74), **chance)

    assert _found(report) == {"class_lost": "note", "miou_lost": "note", "flips_at_borders": "note"}
    assert "95 % interval -0.50 to 12.00; it may be chance" in find(report)[0].text


def test_a_certain_loss_is_a_warning_with_its_interval():
    report = _comparison((0.98, 0.85, 0.74), drop_ci=(1.1, 2.9), per_class_drop_ci={"fibre": (3.1, 9.0)})
    found = {finding.kind: finding for finding in find(report)}

    assert found["miou_lost"].text == "m.int8.tflite loses 2.00 points of mIoU (95 % interval 1.10 to 2.90)"
    assert (found["miou_lost"].severity, found["class_lost"].severity) == ("warning", "warning")


def test_a_class_that_is_never_given_is_one_finding_not_two():
    report = _comparison(
        (0.98, 0.85, 0.0),
        flips=(FlipStats("fibre", "background", 40_000, 2_000),),
        per_class_agreement={"background": 0.95, "nucleus": 1.0, "fibre": 0.0},
    )
    found = [finding for finding in find(report) if "fibre" in finding.text]

    assert [(f.kind, f.severity) for f in found] == [("class_never_given", "warning")]
    assert found[0].text == "m.int8.tflite never gives fibre, m.fp32.tflite gives it to 40,000 pixels"


def test_a_class_that_the_reference_never_gives_is_no_fault_of_the_export():
    report = _comparison()
    blind = dataclasses.replace(report.variants[0], confusion=((900_000, 10, 0), (10, 50_000, 0), (40_000, 10, 0)))
    (finding, *_) = find(dataclasses.replace(report, variants=(blind, report.variants[1])))

    assert (finding.model, finding.severity) == ("m.fp32.tflite", "warning")
    assert finding.text == "m.fp32.tflite never gives fibre, though 40,010 pixels are of it"
    assert "train" in finding.hint


def test_an_int8_model_that_hardly_agrees_is_suspected_of_its_calibration():
    report = _comparison(pixel=0.81)

    assert _found(report)["calibration"] == "warning"
    assert "fcn-edge export MODEL --data data --calibration-images" in find(report)[0].hint


def test_a_float_model_is_not_suspected_of_its_calibration():
    assert "calibration" not in _found(_comparison(pixel=0.81, precision="fp32"))


def test_flips_away_from_borders_are_told_apart_from_thinner_outlines():
    ghosts = {"flips": (FlipStats("nucleus", "background", 20_000, 3_000),), "pixel": 0.97, "outside_boundary": 0.98}

    assert _found(_comparison(**ghosts)) == {"flips_off_borders": "note"}
    assert _found(_comparison((0.97, 0.83, 0.78), **ghosts))["flips_off_borders"] == "warning"
    assert "85 % of the flips of m.int8.tflite lie over 4 px" in find(_comparison(**ghosts))[0].text


def test_flips_where_the_reference_is_sure_are_a_warning():
    margin = MarginStats("probability", MarginPercentiles(0.2, 0.6, 0.9), MarginPercentiles(0.3, 0.8, 1.0), 0.7)

    assert _found(_comparison(margin=margin, pixel=0.7))["flips_where_sure"] == "warning"
    assert "flips_where_sure" not in _found(_comparison(margin=margin))


def test_a_stray_class_that_costs_miou_is_named():
    report = _comparison((0.98, 0.85, 0.0), confusion=((899_990, 10, 20), (10, 50_000, 0), (0, 0, 0)))
    without = dataclasses.replace(
        report.variants[0], per_class_iou={"background": 0.98, "nucleus": 0.85, "fibre": None}
    )
    drops = {"background": 0.0, "nucleus": 0.0, "fibre": None}
    agreement = dataclasses.replace(report.agreement[0], per_class_drop_points=drops)
    found = find(dataclasses.replace(report, variants=(without, report.variants[1]), agreement=(agreement,)))
    (stray,) = [finding for finding in found if finding.kind == "class_invented"]

    assert stray.severity == "note"
    assert "gives fibre to 20 pixels" in stray.text


def test_a_model_that_is_blind_to_a_class_is_caught_on_real_pictures(tmp_path):
    config = SceneConfig(stain="fluorescence")
    folder = write_data_folder(tmp_path, train=0, val=3, seed=2, size_hw=SIZE_HW, config=config)
    models = [make_threshold_model(tmp_path / f"m.{p}.onnx", level) for p, level in (("fp32", 30), ("int8", 300))]
    found = compare(models, open_folder(folder), config=CompareConfig()).findings

    assert ("class_never_given", "warning") in [(f.kind, f.severity) for f in found]


def test_warnings_come_before_notes():
    severities = [finding.severity for finding in find(_comparison((0.97, 0.80, 0.70)))]

    assert severities == sorted(severities, reverse=True)
    assert set(severities) == {"warning", "note"}
