"""Verdicts: whether a model may go out, by its latency and its accuracy."""

from __future__ import annotations

from fcn_edge.measure.gate.accept import accept_baseline
from fcn_edge.measure.gate.config import GateConfig
from fcn_edge.measure.gate.result import Check, GateReport
from fcn_edge.measure.gate.run import gate

__all__ = ["Check", "GateConfig", "GateReport", "accept_baseline", "gate"]
