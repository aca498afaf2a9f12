"""Ranges of int8: all that was seen, without the rarest values, or of least error."""

import numpy as np
import pytest
from blobs import write_blobs
from export_networks import NAMES_2, build_network
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_edge.errors import UsageError
from fcn_edge.export import ExportConfig, export_model
from fcn_edge.export.quiet import silenced
from fcn_edge.export.ranges import METHODS, find_ranges

pytestmark = pytest.mark.desk


def ranges_of(*arrays, method):
    return find_ranges(lambda: [{"map": np.asarray(array, np.float32)} for array in arrays], method)["map"]


def quantized(values, span):
    """What 256 steps over a range make of values."""
    step = (span[1] - span[0]) / 255 or 1
    zero = round(-span[0] / step)
    return (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step


def test_min_max_is_all_that_was_seen_over_all_images():
    assert ranges_of([1, 2], [-3, 0.5], method="min-max") == (-3, 2)


def test_a_percentile_leaves_out_the_rarest_values():
    values = np.random.default_rng(0).random(100_000)
    low, high = ranges_of([*values, 500.0], method="percentile")
    assert low == 0
    assert 0.9 < high < 2


def test_the_least_error_cuts_an_outlier_off_where_that_pays():
    values = np.random.default_rng(0).normal(size=50_000)
    low, high = ranges_of([*values, 12.0], method="mse")
    assert high < 11.5
    whole = (values.min(), 12.0)
    error, error_whole = (np.square(quantized(values, span) - values).mean() for span in ((low, high), whole))
    assert error < error_whole


@settings(deadline=None, max_examples=40)
@given(values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=50), method=st.sampled_from(METHODS))
def test_a_range_holds_zero_and_is_no_wider_than_what_was_seen(values, method):
    low, high = ranges_of(values, method=method)
    assert min(0.0, *values) - 1e-3 <= low <= 0 <= high <= max(0.0, *values) + 1e-3


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    with silenced():
        build_network((32, 40)).save(folder / "discs.keras")
    return folder / "discs.keras", write_blobs(folder / "data")


@pytest.mark.parametrize("method", METHODS)
def test_files_of_every_method_hold_and_are_integers_throughout(source, tmp_path, method):
    model, data = source
    formats = ("tflite-int8", "onnx-int8")
    config = ExportConfig(
        data, tmp_path, formats=formats, classes=NAMES_2, calibration_method=method, threshold=0.5, repair=False
    )
    for file in export_model(model, config).files:
        assert file.float_ops == 0
        assert file.parity.agreement > 0.95


def test_methods_make_different_files(source, tmp_path):
    model, data = source
    made = set()
    for method in METHODS:
        config = ExportConfig(
            data,
            tmp_path / method,
            formats=("tflite-int8",),
            classes=NAMES_2,
            calibration_method=method,
            threshold=0.5,
        )
        made.add(export_model(model, config).files[0].fingerprint)
    assert len(made) == len(METHODS)


def test_an_unknown_method_is_refused(source, tmp_path):
    model, data = source
    with pytest.raises(UsageError, match="calibration method 'best' is unknown"):
        export_model(model, ExportConfig(data, tmp_path, calibration_method="best"))
