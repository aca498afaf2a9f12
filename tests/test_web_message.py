"""The message that carries a picture and its mask to a browser."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from web_camera import CLASSES, make_result

from fcn_edge.live.web.message import decode_message, encode_message
from fcn_edge.live.web.newest import Newest
from fcn_edge.live.web.runs import LONGEST, decode_runs, encode_runs

LABELS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 3))


def _copy(result):
    newest = Newest()
    newest.want("page")
    newest.put(result)
    return newest.take()[0]


@given(LABELS)
def test_runs_give_back_the_class_ids_they_were_made_from(labels):
    lengths, ids = encode_runs(labels)
    assert np.array_equal(decode_runs(lengths, ids, labels.shape), labels)


@given(LABELS)
def test_there_are_no_more_runs_than_changes_of_class(labels):
    flat = labels.reshape(-1)
    assert len(encode_runs(labels)[1]) == 1 + np.count_nonzero(flat[1:] != flat[:-1])


@pytest.mark.parametrize("pixels", [LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST, 2 * LONGEST + 1])
def test_a_run_longer_than_two_bytes_can_say_is_cut(pixels):
    labels = np.array([[0] * pixels + [7] * 3], np.uint8)
    lengths, ids = encode_runs(labels)
    assert lengths.min() > 0
    assert np.array_equal(decode_runs(lengths, ids, labels.shape), labels)


def test_an_empty_mask_has_no_runs():
    assert [part.size for part in encode_runs(np.empty((0, 5), np.uint8))] == [0, 0]


def test_a_message_gives_back_mask_picture_and_figures():
    result = make_result(9, size_wh=(160, 120), fps=24.5, now=100.0)
    message = decode_message(encode_message(_copy(result), max_width=1280, jpeg_quality=90))
    assert np.array_equal(message.labels, result.labels)
    picture = cv2.imdecode(np.frombuffer(message.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(picture.astype(int) - result.frame.image_bgr).mean() < 2
    assert message.header["frame"] == 9
    assert message.header["fps"] == 24.5
    assert message.header["begun_ms"] == pytest.approx(99979.0)
    assert message.header["result_ms"] == pytest.approx(21.0)
    assert message.header["shares"] == pytest.approx(result.shares.tolist(), abs=1e-4)
    assert len(message.header["shares"]) == len(CLASSES)


def test_runs_begin_at_an_even_byte_as_a_browser_needs_them():
    for fps in (1.0, 10.0, 10.5, 10.25):
        data = encode_message(_copy(make_result(fps=fps)), max_width=1280, jpeg_quality=80)
        assert int.from_bytes(data[:4], "little") % 2 == 0


def test_a_wide_picture_is_sent_smaller_and_its_mask_alike():
    message = decode_message(encode_message(_copy(make_result(size_wh=(640, 480))), max_width=320, jpeg_quality=80))
    assert message.header["size_wh"] == [320, 240]
    assert message.labels.shape == (240, 320)
    assert cv2.imdecode(np.frombuffer(message.jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (240, 320, 3)


def test_a_noisy_mask_is_never_larger_than_its_pixels():
    copy = _copy(make_result(size_wh=(64, 48)))
    copy.labels[:] = np.random.default_rng(0).integers(0, 4, copy.labels.shape)
    data = encode_message(copy, max_width=1280, jpeg_quality=80)
    message = decode_message(data)
    assert message.header["runs"] is None
    assert np.array_equal(message.labels, copy.labels)
    assert len(data) - len(message.jpeg) < copy.labels.size + 400


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\x05\0\0\0abc"])
def test_what_is_no_message_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        decode_message(data)


def test_the_newest_result_is_taken_once_for_each_form_and_only_when_wanted():
    newest = Newest()
    newest.put(make_result(1))
    newest.put(make_result(2))
    newest.want("page")
    newest.want("overlay")
    copy, forms = newest.take()
    assert (copy.frame, forms) == (2, ("overlay", "page"))
    newest.want("page")
    newest.put(make_result(3))
    copy, forms = newest.take()
    assert (copy.frame, forms) == (3, ("page",))


def test_a_copy_being_encoded_is_not_overwritten_by_later_results():
    newest = Newest()
    newest.want("page")
    newest.put(make_result(1))
    taken, _ = newest.take()
    before = taken.image_bgr.copy()
    for number in range(2, 8):
        newest.put(make_result(number))
    assert np.array_equal(taken.image_bgr, before)


def test_three_pictures_of_memory_go_round():
    newest = Newest()
    seen = set()
    for number in range(12):
        newest.want("page")
        newest.put(make_result(number))
        newest.put(make_result(number + 100))
        seen.add(newest.take()[0].image_bgr.ctypes.data)
    assert len(seen) <= 3


def test_a_forgotten_result_is_not_taken_any_more():
    newest = Newest()
    newest.put(make_result(1))
    newest.forget()
    newest.want("page")
    newest.put(make_result(2))
    assert newest.take()[0].frame == 2


def test_encoding_a_mask_costs_well_under_a_millisecond():
    labels = make_result(5, size_wh=(640, 480)).labels
    durations = []
    for _ in range(30):
        begun_at = time.perf_counter()
        encode_runs(labels)
        durations.append(time.perf_counter() - begun_at)
    # 0.1 ms on the machine it was written on; the margin is for a busy one.
    assert min(durations) < 0.002
