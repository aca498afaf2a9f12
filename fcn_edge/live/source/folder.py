"""A folder of images as a source."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge import image_file
from fcn_edge.errors import SourceError
from fcn_edge.live.frame import WELL, Clock, Frame, SourceHealth, SourceInfo


class FolderSource:
    """The images of a folder in the order of their names.

    Args:
        folder: An existing folder.
        rate_fps: How many images a second to show; 0 as fast as they come.
        loop: Begin again after the last image.
        clock: Monotonic seconds.

    Raises:
        SourceError: The folder has no images.
    """

    def __init__(
        self, folder: Path, *, rate_fps: float = 0.0, loop: bool = False, clock: Clock = time.monotonic
    ) -> None:
        self._paths = tuple(image_file.list_images(folder))
        if not self._paths:
            message = f"{folder}: this folder has no images"
            raise SourceError(message, hint="give a folder with .jpg or .png files in it")
        self._info = SourceInfo(
            str(folder), "folder", live=False, rate_fps=rate_fps, size_wh=None, starts_at="read_call"
        )
        self._loop = loop
        self._clock = clock
        self._delivered = 0

    @property
    def info(self) -> SourceInfo:
        """What the source is."""
        return self._info

    @property
    def health(self) -> SourceHealth:
        """Always well."""
        return WELL

    def interrupt(self) -> None:
        """Nothing to do: reading never waits."""

    def read(self, spare: NDArray[np.uint8] | None = None) -> Frame | None:
        """Read the next image; None after the last.

        Args:
            spare: Not used: images may differ in size.

        Raises:
            ImageError: It cannot be decoded.
        """
        del spare
        if self._delivered >= len(self._paths) and not self._loop:
            return None
        begun_at = self._clock()
        image = image_file.read_image(self._paths[self._delivered % len(self._paths)])
        # Without a rate of their own, images follow each other in a recording like slides: one a second.
        media_time = self._delivered / (self._info.rate_fps or 1.0)
        frame = Frame(image, self._delivered, begun_at, self._clock(), media_time)
        self._delivered += 1
        return frame

    def close(self) -> None:
        """Nothing is held open."""
