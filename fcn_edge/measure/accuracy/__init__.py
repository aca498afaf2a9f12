"""Accuracy against masks, and agreement between models."""

from __future__ import annotations

from fcn_edge.measure.accuracy.comparison import CompareConfig, compare
from fcn_edge.measure.accuracy.result import AgreementReport, CompareReport, VariantReport

__all__ = ["AgreementReport", "CompareConfig", "CompareReport", "VariantReport", "compare"]
