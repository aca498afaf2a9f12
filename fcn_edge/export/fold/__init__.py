"""Folding: everything linear between the last nonlinear layers and the scores becomes one sum, exactly.

Read in this order: :mod:`stamp` (what one layer does), :mod:`linear_map` (layers composed, exact at the borders),
:mod:`region` (what is linear), :mod:`segment`, :mod:`form` and :mod:`plan` (the cheapest way), :mod:`emit` (new graph).
"""

from __future__ import annotations

from fcn_edge.export.fold.fold import fold_linear
from fcn_edge.export.fold.result import Folding, RegionReport

__all__ = ["Folding", "RegionReport", "fold_linear"]
