"""Which models are measured: files in runtimes, each under a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcn_edge.errors import UsageError
from fcn_edge.measure.spec import VariantSpec, most_precise, named, parse_spec

MODELS = Path(__file__).parent / "models"
TINY = MODELS / "tiny.int8.tflite"


def test_a_plain_path_leaves_runtime_and_threads_open():
    assert parse_spec(str(TINY)) == VariantSpec(TINY)


@pytest.mark.parametrize(
    ("suffix", "backend", "threads"), [("@litert", "litert", None), (":3", None, 3), ("@litert:2", "litert", 2)]
)
def test_runtime_and_threads_stand_behind_the_model(suffix, backend, threads):
    assert parse_spec(f"{TINY}{suffix}") == VariantSpec(TINY, backend, threads)


def test_a_file_whose_name_looks_like_a_spec_is_a_file(tmp_path):
    odd = tmp_path / "tiny@litert:2"
    odd.mkdir()
    (odd / "model.int8.tflite").write_bytes(TINY.read_bytes())

    assert parse_spec(odd / "model.int8.tflite").path == odd / "model.int8.tflite"


def test_a_model_that_does_not_exist_is_wrong_usage():
    with pytest.raises(UsageError):
        parse_spec("nowhere.tflite@litert:2")


def test_files_are_called_by_their_own_names():
    specs = named([VariantSpec(TINY), VariantSpec(MODELS / "tiny.fp32.tflite")])

    assert [spec.name for spec in specs] == ["tiny.int8.tflite", "tiny.fp32.tflite"]


def test_files_that_share_a_name_are_called_with_their_folder(tmp_path):
    other = tmp_path / "head" / TINY.name
    other.parent.mkdir()
    other.write_bytes(TINY.read_bytes())

    assert [spec.name for spec in named([VariantSpec(TINY), VariantSpec(other)])] == [
        "models/tiny.int8.tflite",
        "head/tiny.int8.tflite",
    ]


def test_one_file_in_two_runtimes_is_told_apart_by_them():
    specs = named([VariantSpec(TINY, threads=1), VariantSpec(TINY, "litert", 2)])

    assert [spec.name for spec in specs] == ["tiny.int8.tflite:1", "tiny.int8.tflite@litert:2"]


def test_the_same_variant_twice_is_refused():
    with pytest.raises(UsageError, match="is named twice"):
        named([VariantSpec(TINY), VariantSpec(TINY)])


def test_the_same_file_under_two_names_is_allowed():
    specs = named([VariantSpec(TINY, name="base"), VariantSpec(TINY, name="head")])

    assert [spec.name for spec in specs] == ["base", "head"]


def test_nothing_to_measure_is_wrong_usage():
    with pytest.raises(UsageError, match="no model"):
        named([])


def test_the_float_file_is_what_the_others_are_compared_with():
    fp32 = VariantSpec(MODELS / "tiny.fp32.onnx")

    assert most_precise([VariantSpec(TINY), fp32]) is fp32


def test_no_threads_at_all_are_refused():
    with pytest.raises(UsageError, match="0 threads"):
        parse_spec(f"{TINY}:0")
