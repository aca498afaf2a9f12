"""Frames travel in memory that is used again."""

from __future__ import annotations

import threading
import time
import tracemalloc

import numpy as np
import pytest
from threshold_models import make_threshold_model

from fcn_edge.live.buffers import BufferPool, picture_room, room
from fcn_edge.live.frame import WELL, Frame, SourceInfo
from fcn_edge.live.output.recording import Recorder
from fcn_edge.live.painter import Painter
from fcn_edge.live.pipeline import Pipeline
from fcn_edge.live.smoothing import Smoother
from fcn_edge.runtime.segmenter import Segmenter

SIZE_HW = (480, 640)
FRAME_BYTES = 640 * 480 * 3


class FrugalSource:
    """Gives frames in the memory it is offered; calls *watch* before each."""

    def __init__(self, frames, watch=lambda number: None):
        self.info = SourceInfo("frugal", "film", live=False, rate_fps=0.0, size_wh=SIZE_HW[::-1], starts_at="read_call")
        self.health = WELL
        self._frames = frames
        self._watch = watch
        self._number = 0

    def read(self, spare=None):
        self._watch(self._number)
        if self._number == self._frames:
            return None
        image = np.zeros((*SIZE_HW, 3), np.uint8) if spare is None else spare
        image.fill(self._number % 200)
        self._number += 1
        return Frame(image, self._number - 1, 0.0, 0.0, self._number / 30)

    def interrupt(self):
        pass

    def close(self):
        pass


class SlowAtFirst:
    """An output that lets all queues before it fill up, and then keeps pace."""

    name = "slow_at_first"
    needs_picture = True
    needs_frame = False

    def write(self, result, picture_bgr):
        if result.frame.number < 60:
            time.sleep(0.005)

    def close(self):
        pass


def _arrays(buffers):
    arrays = (buffers.image, buffers.pixels, buffers.raw, buffers.labels, buffers.picture)
    return [array for array in arrays if array is not None]


def test_buffers_that_were_given_back_are_handed_out_again():
    pool = BufferPool()
    first, second = pool.take(), pool.take()
    assert first is not second
    assert first.release()
    assert pool.take() is first
    assert pool.made == 2


def test_buffers_are_free_only_when_the_last_holder_gives_them_back():
    pool = BufferPool()
    buffers = pool.take()
    buffers.hold(2)
    assert [buffers.release() for _ in range(3)] == [False, False, True]
    assert pool.free == [buffers]


def test_buffers_given_back_by_many_threads_at_once_are_counted_right():
    pool = BufferPool()
    buffers = pool.take()
    buffers.hold(200)
    last = []
    threads = [threading.Thread(target=lambda: last.extend(buffers.release() for _ in range(20))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (last.count(True), buffers.release(), len(pool.free)) == (0, True, 1)


@pytest.mark.parametrize(("shape", "dtype"), [((2, 3), np.int8), ((3, 2), np.uint8), ((2, 4), np.uint8)])
def test_room_of_another_shape_or_type_is_made_anew(shape, dtype):
    array = np.empty((2, 3), np.uint8)
    assert room(array, (2, 3), np.uint8) is array
    made = room(array, shape, dtype)
    assert (made.shape, made.dtype, made is array) == (shape, dtype, False)
    assert picture_room(array, (2, 3)) is array


@pytest.mark.parametrize("smooth", [False, True])
def test_once_running_no_frame_takes_new_memory_of_a_pictures_size(tmp_path, smooth):
    model = make_threshold_model(tmp_path / "bright.fp32.onnx", 100.0)
    grown, made = [], []

    def watch(number):
        if number == 90:
            tracemalloc.start()
        elif number == 150:
            grown.append(tracemalloc.get_traced_memory()[1])
        if number in (90, 150):
            made.append(pipeline.pool.made)

    with Segmenter.open(model) as segmenter:
        pipeline = Pipeline(
            FrugalSource(150, watch),
            segmenter,
            [Recorder(tmp_path / "film.mkv", rate_fps=30.0), SlowAtFirst()],
            Painter(segmenter.classes),
            smoother=Smoother(0.1) if smooth else None,
        )
        try:
            pipeline.start()
            assert pipeline.finished.wait(60)
        finally:
            tracemalloc.stop()
    assert pipeline.join() is None
    assert pipeline.tally.results_written == 150
    # More frames may have been on their way than before; what they took stays in the pool.
    one_frame = sum(array.nbytes for array in _arrays(pipeline.pool.free[0]))
    assert grown[0] - (made[1] - made[0]) * one_frame < FRAME_BYTES / 2
    # Four stages, three waiting between each two, and two before the film and the one it writes.
    assert pipeline.pool.made <= 4 + 3 * 3 + 3
    assert len(pipeline.pool.free) == pipeline.pool.made
