"""What a runtime has to offer so that everything else can use it.

The protocol holds what *every* backend can do and nothing more: adding a member needs a written reason. A protocol
rather than a base class, so that a plug-in needs nothing of this package to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Activation

Layout = Literal["NHWC", "NCHW", "NHW"]


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A model's input or output.

    Attributes:
        name: As the file has it.
        shape: Whole shape, batch first.
        dtype: NumPy's name: ``uint8``, ``int8``, ``float32``, …
        scale: Quantisation step, None for real values.
        zero_point: Quantised value of zero, None for real values.
        layout: ``NHWC`` or ``NCHW``; ``NHW`` for class ids.
        colour: ``RGB`` or ``BGR`` for the input, None for the output.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None
    layout: Layout
    colour: Literal["RGB", "BGR"] | None


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """Which runtime runs the model, and what the model takes and gives.

    Attributes:
        runtime: A name of :data:`fcn_edge.runtime.registry.BACKENDS`.
        version: Of the runtime.
        device: ``cpu``, ``cuda``, ``tensorrt``, ``gpu``, or the name of a delegate's library.
        threads: None for the runtime's own choice.
        input: What goes in.
        output: What comes out.
        score_activation: What the scores went through, where the runtime itself can tell (Keras); None: the card says.
    """

    runtime: str
    version: str
    device: str
    threads: int | None
    input: TensorInfo
    output: TensorInfo
    score_activation: Activation | None = None


class Backend(Protocol):
    """One loaded model in one runtime. Not safe to share between threads."""

    @property
    def info(self) -> BackendInfo:
        """What runs, what goes in and what comes out."""
        ...

    def infer(self, pixels: NDArray[np.generic], *, out: NDArray[np.generic] | None = None) -> NDArray[np.generic]:
        """Run the model once.

        Args:
            pixels: Exactly ``info.input.shape`` and ``info.input.dtype``; for an exported file that is
                ``(1, H, W, 3)`` uint8, RGB, 0..255.
            out: An array of ``info.output.shape`` and ``info.output.dtype`` to write the result into and return; None
                for a new one. A camera that runs for weeks uses a few of them again and again.

        Returns:
            The output as the file gives it, ``info.output.shape`` and ``info.output.dtype``, not dequantised. The
            array belongs to the caller: the next call does not overwrite it, unless it is given it as *out*.

        Raises:
            ValueError: *out* is of another shape or type, or cannot be written to.
        """
        ...

    def close(self) -> None:
        """Free the model; further calls of ``infer`` are an error. May be called twice."""
        ...


def check_out(out: NDArray[np.generic], output: TensorInfo) -> None:
    """Refuse an array that *output* does not fit into, before native code writes to its memory.

    Raises:
        ValueError: It is of another shape or type, or cannot be written to.
    """
    if out.shape != output.shape or out.dtype != np.dtype(output.dtype):
        found, expected = f"{out.shape} {out.dtype}", f"{output.shape} {output.dtype}"
        raise ValueError(f"out is {found}, but the model gives {expected}")
    if not out.flags.writeable:
        raise ValueError("out cannot be written to")
