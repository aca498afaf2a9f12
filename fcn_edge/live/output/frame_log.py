"""One line of JSON a frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.output.growing_file import GrowingFile
from fcn_edge.live.result import STAGES, Result


class FrameLog:
    """Writes class shares and timings of each frame to a ``.jsonl`` file.

    Args:
        path: Replaced if it exists.
        class_names: In id order.

    Raises:
        OutputError: The file cannot be created.
    """

    name = "frame_log"
    needs_picture = False

    def __init__(self, path: Path, class_names: Sequence[str]) -> None:
        self._file = GrowingFile(path)
        self._class_names = tuple(class_names)

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Append a line.

        Raises:
            OutputError: The disk is full; the file ends with a whole line.
        """
        del picture_bgr
        height, width = result.labels.shape
        line = {
            "frame": result.frame.number,
            "media_time_s": round(result.frame.media_time_s, 4),
            "size_wh": [width, height],
            "class_share": {
                name: round(float(share), 5) for name, share in zip(self._class_names, result.shares, strict=True)
            },
            "stages_ms": {stage: round(1000 * time_s, 3) for stage, time_s in zip(STAGES, result.times_s, strict=True)},
            "capture_to_result_ms": round(1000 * sum(result.times_s), 3),
        }
        self._file.append(json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()
