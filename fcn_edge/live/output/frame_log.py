"""One line of JSON a frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.atomic import output_error
from fcn_edge.live.output.growing_file import GrowingFile
from fcn_edge.live.output.region import Region, RegionFinder
from fcn_edge.live.result import STAGES, Result

_MB = 1_000_000


class FrameLog:
    """Writes class shares, boxes of connected regions and timings of each frame to a ``.jsonl`` file.

    Args:
        path: Replaced if it exists.
        class_names: In id order.
        largest_mb: Beyond this the file becomes ``NAME.1``, in place of an older one, and a new one begins; in MB of
            1,000,000 bytes, None for no limit.
        now: The time of day.

    Raises:
        OutputError: The file cannot be created.
    """

    name = "frame_log"
    needs_picture = False
    needs_frame = False

    def __init__(
        self,
        path: Path,
        class_names: Sequence[str],
        *,
        largest_mb: float | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._path = path
        self._file: GrowingFile | None = GrowingFile(path)
        self._class_names = tuple(class_names)
        self._largest_bytes = float("inf") if largest_mb is None else _MB * largest_mb
        self._now = now
        self._find = RegionFinder(len(self._class_names))

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Append a line.

        Raises:
            OutputError: The disk is full; the file ends with a whole line.
        """
        del picture_bgr
        line = describe_frame(result, self._class_names, self._find(result.labels, result.shares), self._now())
        piece = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        if self._file is not None and self._file.size_bytes + len(piece) > max(self._largest_bytes, len(piece)):
            self._begin_anew(self._file)
        if self._file is None:
            self._file = GrowingFile(self._path)
        self._file.append(piece)

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._file is not None:
            self._file.close()

    def _begin_anew(self, file: GrowingFile) -> None:
        # Renamed while it is open: where that fails, this file goes on.
        try:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        except OSError as error:
            raise output_error(self._path, error) from error
        # None until the next one is open: where that fails, the next line tries again.
        self._file = None
        file.close()


def describe_frame(
    result: Result, class_names: Sequence[str], regions: Sequence[Region], now: datetime
) -> dict[str, Any]:
    """Give what is logged and sent of a frame, as plain data for JSON."""
    height, width = result.labels.shape
    return {
        "frame": result.frame.number,
        "time": now.isoformat(timespec="milliseconds"),
        "media_time_s": round(result.frame.media_time_s, 4),
        "size_wh": [width, height],
        "class_share": {name: round(float(share), 5) for name, share in zip(class_names, result.shares, strict=True)},
        "regions": [
            {"class": class_names[region.class_id], "box_xywh": region.box_xywh, "area_share": region.area_share}
            for region in regions
        ],
        "stages_ms": {stage: round(1000 * time_s, 3) for stage, time_s in zip(STAGES, result.times_s, strict=True)},
        "capture_to_result_ms": round(1000 * sum(result.times_s), 3),
    }
