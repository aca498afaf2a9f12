"""Results of benchmarks and gates that nobody measured, with round causes, for what is made of results.

``python tests/invented_results.py`` writes those that the golden pages are made of.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from fcn_edge.atomic import write_report
from fcn_edge.machine.environment import EnvironmentInfo
from fcn_edge.machine.reading import Reading
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.result import (
    BenchReport,
    BlockTrace,
    ComparisonStats,
    Doubt,
    LayerTime,
    MemoryStats,
    ModelSource,
    Reliability,
    RoundStats,
    RuntimeInfo,
    SameInput,
    VariantLatency,
    to_json,
)
from fcn_edge.timing.intervals import latency_stats, paired_ratio

GOLDEN = Path(__file__).parent / "golden"

PI = EnvironmentInfo(
    board="Raspberry Pi 4 Model B Rev 1.4",
    machine="aarch64",
    cpus=4,
    system="Linux 6.6.31",
    python="3.11.2",
    packages={"fcn-edge": "0.1.0", "numpy": "2.4.6", "litert": "2.3.0"},
    cpu="Cortex-A72",
    isa=("neon",),
)
SERVER = replace(
    PI, board="AMD EPYC", machine="x86_64", cpus=2, system="Linux 6.1", cpu="AMD EPYC", isa=("avx2", "avx512_vnni"),
    quota_cpus=1.5, mixed_cores=True,
)  # fmt: skip
JETSON = replace(PI, board="NVIDIA Jetson Nano Developer Kit", cpu="Cortex-A57", system="Linux 4.9.337-tegra")
# Median in milliseconds on the first board above, of each file.
FILES = {"nuclei.fp32.tflite": 63.0, "nuclei.int8.tflite": 17.9, "nuclei.int8.onnx": 22.4}
_FINGERPRINTS = {"nuclei.fp32.tflite": "ef" * 32, "nuclei.int8.tflite": "ab" * 32, "nuclei.int8.onnx": "5c" * 32,
                 "head": "ab" * 32}  # fmt: skip
_FOLDERS = {"base": "base"}
_QUIET = Reading(
    load_1m=0.21, pressure_cpu=0.002, steal_s=0.0, busy_s=120.0, temperature_c=51.2, clock_mhz=1800.0,
    governor="ondemand", throttled_now=False, throttled_since_boot=False, undervoltage_now=False,
    undervoltage_since_boot=False, memory_free_mb=3120.0,
)  # fmt: skip


def bench_report(
    files: dict[str, float] | None = None,
    *,
    rounds: int = 5,
    blocks: int = 65,
    noise: float = 0.01,
    env: EnvironmentInfo = PI,
    noisy: bool = False,
    seed: int = 0,
) -> BenchReport:
    """Invent a benchmark of *files*, the first of which is the reference; *noisy*: hot, slowed down, in doubt."""
    files = dict(files or FILES)
    config = BenchConfig(rounds=rounds, blocks=blocks, seed=seed)
    random = np.random.default_rng(seed)
    traces = _traces(rounds, blocks, config, sum(files.values()), hot=noisy)
    slowing = _slowing(traces) * np.exp(random.normal(0, noise, blocks))
    series = {name: _series(random, ms, slowing, config, noise) for name, ms in files.items()}
    names = list(files)
    again = _series(random, files[names[0]] * (1.03 if noisy else 1.0), slowing, config, noise)
    each = np.array_split(np.arange(blocks), rounds)
    return BenchReport(
        config=config,
        inputs="8 drawn scenes",
        variants=tuple(_variant(name, series[name], each, layers=not noisy) for name in names),
        comparisons=tuple(
            _compared(name, series[name], names[0], series[names[0]], each, config) for name in names[1:]
        ),
        control=_compared(names[0], again, names[0], series[names[0]], each, config),
        same_input=tuple(SameInput(name, names[0], 0.9942) for name in names[1:]),
        blocks=traces,
        before=_QUIET,
        after=replace(_QUIET, temperature_c=83.9, throttled_now=True, throttled_since_boot=True, busy_s=190.0)
        if noisy
        else replace(_QUIET, temperature_c=58.4, busy_s=160.0),
        env=env,
        reliability=_doubtful() if noisy else Reliability("reliable", (), ()),
        looks=3 if noisy else 1,
        seconds=traces[-1].at_s + 1,
    )


def gate_content(**changes: Any) -> dict[str, Any]:
    """Invent a gate's result: a head that is slower, has lost a class, and whose failure repeated."""
    files = {"base": 17.9, "head": 21.1}
    compare = json.loads((GOLDEN / "compare.json").read_text(encoding="utf-8"))
    model = {
        "path": "base/nuclei.int8.tflite",
        "name": "base.int8.tflite",
        "fingerprint": "cd" * 32,
        "precision": "int8",
    }
    head = model | {"path": "build/nuclei.int8.tflite", "fingerprint": "ab" * 32}
    reference = {"path": "build/nuclei.keras", "name": "nuclei", "fingerprint": "ef" * 32, "precision": "fp32"}
    bench, confirmation = (bench_report(files, blocks=66, rounds=3, seed=seed) for seed in (1, 2))
    return {
        "verdict": "fail",
        "mode": "relative",
        "threshold": 1.1,
        "strict": False,
        "base": model | {"bytes": 512345},
        "head": head | {"bytes": 523456},
        "reference": reference | {"bytes": 1900000},
        "baseline": None,
        "checks": _checks(bench.comparisons[0]),
        "bench": to_json(bench),
        "confirmation": to_json(confirmation),
        "compare": {key: compare[key] for key in compare if key not in ("schema_version", "kind")},
        "env": asdict(PI),
        "seconds": 212.4,
        **changes,
    }


def _checks(slower: ComparisonStats) -> list[dict[str, Any]]:
    assert slower.ci is not None
    latency = (
        f"the head takes {slower.ratio:.3f} of the base's time, at least {slower.ci[0]:.3f}: above 1.1; it repeated"
    )
    return [
        _check("latency", "fail", slower.ratio, 1.1, "ratio", latency, interval=list(slower.ci),
               hint="look at its slowest operations"),
        _check("miou_kept", "pass", 0.9966, 0.99, "share", "int8 keeps 99.66 % of the float model's mIoU"),
        _check("iou.background", "pass", 0.2, 3.0, "points", "background loses 0.20 points"),
        _check(
            "iou.debris & <dust>", "fail", 12.4, 3.0, "points", "debris & <dust> loses 12.40 points",
            hint="calibrate on images that show debris & <dust>", interval=[9.8, 15.1],
            worst=[{"id": "scene_0007", "pixel": 0.981, "picture": "worst.png"}, {"id": "scene_0011", "pixel": 0.984}],
        ),
        _check("iou.nucleus", "inconclusive", 2.9, 3.0, "points", "between 2.10 and 3.60 points", interval=[2.1, 3.6],
               hint="give more images with nucleus"),
        _check("agreement", "pass", 0.9931, 0.97, "share", "99.31 % of pixels get the same class"),
    ]  # fmt: skip


def _check(name: str, verdict: str, value: float, limit: float, unit: str, detail: str, **more: Any) -> dict[str, Any]:
    known = {"name": name, "verdict": verdict, "value": value, "limit": limit, "unit": unit}
    return {**known, "interval": None, "detail": detail, "hint": "", "worst": [], **more}


def _traces(rounds: int, blocks: int, config: BenchConfig, one_of_each: float, *, hot: bool) -> tuple[BlockTrace, ...]:
    traces, at = [], 0.0
    for number, which in enumerate(np.array_split(np.arange(blocks), rounds)):
        for block in which.tolist():
            done = block / max(1, blocks - 1)
            temperature = 51.0 + (33.0 if hot else 7.0) * done
            traces.append(
                BlockTrace(number, round(at, 3), round(temperature, 1), 1200.0 if temperature > 80 else 1800.0)
            )
            at += config.burst * 1.4 * one_of_each / 1000
        at += 2.0
    return tuple(traces)


def _slowing(traces: tuple[BlockTrace, ...]) -> np.ndarray:
    return np.array([1800.0 / (trace.clock_mhz or 1800.0) for trace in traces])


def _series(
    random: np.random.Generator, ms: float, slowing: np.ndarray, config: BenchConfig, noise: float
) -> np.ndarray:
    """Give ``(blocks, kept)`` milliseconds: times have a shortest and a long tail."""
    tail = random.exponential(noise, (len(slowing), config.kept))
    return np.round(ms * slowing[:, None] * (1 + tail), 3)


def _variant(name: str, times: np.ndarray, each: list[np.ndarray], *, layers: bool) -> VariantLatency:
    # A gate names its variants by their roles.
    file_name = name if "." in name else "nuclei.int8.tflite"
    stem, precision, suffix = file_name.split(".")
    backend, version = ("litert", "2.3.0") if suffix == "tflite" else ("onnxruntime", "1.28.0")
    size = {"fp32": 1912345, "int8": 512345}[precision]
    middle = float(np.median(times))
    return VariantLatency(
        name=name,
        model=ModelSource(
            f"{_FOLDERS.get(name, 'build')}/{file_name}",
            stem,
            _FINGERPRINTS.get(name, "cd" * 32),
            size,
            suffix,
            precision,
            (128, 128),
        ),
        runtime=RuntimeInfo(backend, version, "cpu", "xnnpack" if suffix == "tflite" else None, 1),
        latency_ms=latency_stats(times),
        init_ms=round(3.1 + middle / 5, 3),
        first_inference_ms=round(1.4 * middle, 3),
        repeats=1,
        rounds=tuple(
            RoundStats(3.1, 1.4 * middle, float(np.median(times[which])), steady=True, blocks=len(which))
            for which in each
        ),
        samples_ms=tuple(times.ravel().tolist()),
        memory=MemoryStats(round(8 + size / 1e5, 1), round(60 + size / 1e5, 1)) if layers else None,
        layers=_layers(middle) if layers and suffix == "tflite" else None,
    )


def _layers(total: float) -> tuple[LayerTime, ...]:
    shares = {"enc2_conv": 0.41, "enc1_conv": 0.3, "enc3_conv": 0.14, "head": 0.06, "enc1_pool": 0.04, "quantize": 0.03,
              "enc2_pool": 0.01, "to_depth": 0.005, "add": 0.003, "cast": 0.002}  # fmt: skip
    kinds = {"enc1_pool": "MAX_POOL_2D", "enc2_pool": "MAX_POOL_2D", "quantize": "QUANTIZE",
             "to_depth": "DEPTH_TO_SPACE", "add": "ADD", "cast": "CAST"}  # fmt: skip
    return tuple(LayerTime(n, kinds.get(n, "CONV_2D"), round(share * total, 4), share) for n, share in shares.items())


def _compared(
    name: str, times: np.ndarray, reference: str, others: np.ndarray, each: list[np.ndarray], config: BenchConfig
) -> ComparisonStats:
    first, second = np.median(times, axis=1), np.median(others, axis=1)
    whole = paired_ratio(first, second, confidence=config.confidence)
    alone = tuple(paired_ratio(first[which], second[which]).ratio for which in each)
    return ComparisonStats(name, reference, whole.ratio, whole.ci, config.confidence, whole.pairs, alone)


def _doubtful() -> Reliability:
    doubts = (
        Doubt("throttled", "the board slowed down during the run: 1800 to 1200 MHz at 83.9 °C", "cool it: a fan"),
        Doubt("aa_control", "the reference against itself differs by 3.0 %", "look for what else runs on this machine"),
        Doubt("drift", "the last round takes 1.50 times the first", "wait until the board is warm, or cool it"),
    )  # fmt: skip
    return Reliability("unreliable", tuple(doubt.flag for doubt in doubts), doubts)


def write_golden() -> None:
    """Write the results that golden pages are made of."""
    write_report(GOLDEN / "bench.json", "bench", to_json(bench_report()))
    noisy = {"nuclei.fp32.tflite": 71.0, "nuclei.int8.tflite": 9.4}
    write_report(
        GOLDEN / "bench_noisy.json",
        "bench",
        to_json(bench_report(noisy, blocks=20, rounds=2, noise=0.2, env=JETSON, noisy=True)),
    )
    write_report(GOLDEN / "gate.json", "gate", gate_content())


if __name__ == "__main__":
    write_golden()
