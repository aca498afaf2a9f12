"""One look at a run, for whoever asks."""

from __future__ import annotations

import json

from test_live_memory import FrugalSource
from threshold_models import make_threshold_model

from fcn_edge.live.frame import SourceHealth
from fcn_edge.live.onlooker import Onlooker, describe_runtime
from fcn_edge.live.pipeline import Pipeline
from fcn_edge.live.watch import MachineWatch
from fcn_edge.machine.reading import Reading
from fcn_edge.runtime.backend import BackendInfo
from fcn_edge.runtime.segmenter import Segmenter


class Collector:
    name = "collector"
    needs_picture = False
    needs_frame = False

    def write(self, result, picture_bgr):
        pass

    def close(self):
        pass


def test_a_look_tells_of_source_model_machine_frames_and_outputs(tmp_path):
    watch = MachineWatch(look=lambda: Reading(temperature_c=61.0, throttled_now=False), memory=lambda: (99.5, 120.0))
    watch.take()
    source = FrugalSource(12)
    source.health = SourceHealth(reconnects=3)
    with Segmenter.open(make_threshold_model(tmp_path / "bright.fp32.onnx", 100.0)) as segmenter:
        onlooker = Onlooker(segmenter, source, watch)
        before = onlooker()
        pipeline = Pipeline(source, segmenter, [Collector()], lambda result, out: out)
        onlooker.attach(pipeline)
        pipeline.start()
        assert pipeline.finished.wait(30)
        after = onlooker()
    assert (before.model, before.processed, before.age_ms, before.outputs) == ("bright.fp32.onnx", 0, None, {})
    assert (after.captured, after.processed, after.outputs["collector"].written) == (12, 12, 12)
    assert after.class_share == {"background": 1.0, "nucleus": 0.0}
    assert after.age_ms > after.inference_ms > 0
    assert (after.temperature_c, after.throttled, after.memory_mb) == (61.0, False, 99.5)
    assert after.health.reconnects == 3
    assert json.loads(json.dumps(after.to_dict()))["dropped_by_cause"] == {"newer_frame": 0, "undecodable": 0}


def test_the_runtime_is_named_with_its_device_and_threads():
    def info(device, threads):
        return BackendInfo("onnxruntime", "1.32.0", device, threads, None, None)

    assert describe_runtime(info("cpu", 1)) == "onnxruntime 1.32.0, 1 thread"
    assert describe_runtime(info("cpu", 4)) == "onnxruntime 1.32.0, 4 threads"
    assert describe_runtime(info("cuda", None)) == "onnxruntime 1.32.0 on cuda"
