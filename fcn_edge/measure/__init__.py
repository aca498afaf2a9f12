"""Measuring what a model is worth: accuracy, agreement between variants, and reports of it.

Nothing here needs TensorFlow, except that a ``.keras`` file among the models does when it is opened.
"""

from __future__ import annotations

from fcn_edge.measure.comparison import CompareConfig, compare
from fcn_edge.measure.result import AgreementReport, CompareReport, VariantReport

__all__ = ["AgreementReport", "CompareConfig", "CompareReport", "VariantReport", "compare"]
