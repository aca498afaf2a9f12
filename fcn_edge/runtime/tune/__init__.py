"""Finding out by measuring how a model runs best on this device: which file, runtime, threads, accelerator.

Candidates first answer the same pictures; those that disagree with the reference, fail, or are far too slow are dropped
with the reason. The others are timed against each other, and the fastest is remembered for this device.
"""

from __future__ import annotations

from fcn_edge.runtime.tune.config import TuneConfig
from fcn_edge.runtime.tune.result import TuneReport
from fcn_edge.runtime.tune.run import forget_choice, tune_model

__all__ = ["TuneConfig", "TuneReport", "forget_choice", "tune_model"]
