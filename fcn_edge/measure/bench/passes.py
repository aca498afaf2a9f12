"""Memory and operations: measured after the times, in passes of their own, since watching disturbs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.layers import profile_layers
from fcn_edge.measure.bench.memory import measure_memory
from fcn_edge.measure.bench.result import BenchReport, VariantLatency
from fcn_edge.measure.spec import VariantSpec
from fcn_edge.progress import track


def with_passes(report: BenchReport, specs: Sequence[VariantSpec], config: BenchConfig) -> BenchReport:
    """Add each variant's memory and operations, as far as they are wanted and the runtime tells."""
    if not config.memory and not config.layers:
        return report
    pairs = list(zip(report.variants, specs, strict=True))
    watched = track(pairs, total=len(pairs), description="memory and layers", unit="model", quiet=config.quiet)
    return dataclasses.replace(report, variants=tuple(_watch(variant, spec.path, config) for variant, spec in watched))


def _watch(variant: VariantLatency, path: Path, config: BenchConfig) -> VariantLatency:
    backend, threads = variant.runtime.backend, variant.runtime.threads
    return dataclasses.replace(
        variant,
        memory=measure_memory(path, backend=backend, threads=threads) if config.memory else None,
        layers=profile_layers(path, backend=backend, threads=threads) if config.layers else None,
    )
