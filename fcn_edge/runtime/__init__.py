"""Running models on a device: one module per runtime behind one protocol, and the segmenter on top of it.

TensorFlow is never needed here, except by ``keras_model`` for a ``.keras`` file, and then only when one is opened.
"""

from __future__ import annotations

from fcn_edge.runtime.backend import Backend, BackendInfo, TensorInfo
from fcn_edge.runtime.registry import BACKENDS, open_backend

__all__ = ["BACKENDS", "Backend", "BackendInfo", "TensorInfo", "open_backend"]
