"""Random networks whose decoder is linear: a plan that hypothesis draws and shrinks, node by node.

A plan is plain data that prints as what it is. ``linear_layers`` builds it in Keras, ``linear_oracle`` computes it in
NumPy. The encoder is convolutions with ReLU and pools that round up; everything behind it is linear, but for the ReLUs
that ``nonlinear=True`` puts between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

SMALL = ((5, 7), (8, 8), (13, 22), (16, 24), (9, 4))
# What is larger folds no differently, it only takes longer.
_MAX_SIDE = 72


@dataclass(frozen=True)
class Node:
    """One operation: the numbers of the nodes it reads, its output ``(H, W, C)``, and its options."""

    kind: str
    reads: tuple[int, ...]
    shape: tuple[int, int, int]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A network: the first node is the image, the last one gives the scores; *seed* draws all weights."""

    nodes: tuple[Node, ...]
    seed: int

    @property
    def size_hw(self):
        return self.nodes[0].shape[:2]

    def kinds(self):
        return [node.kind for node in self.nodes]


@st.composite
def decoders(
    draw,
    *,
    sizes: Sequence[tuple[int, int]] = SMALL,
    max_side=_MAX_SIDE,
    encoder=True,
    bilinear=True,
    nonlinear=False,
):
    """Draw a plan: encoder, linear decoder with skips, head of 1 to 21 channels.

    Args:
        draw: Given by hypothesis.
        sizes: Of the image, to choose from.
        max_side: No map becomes larger.
        encoder: Without one, the decoder starts from the image after a ReLU, which changes no pixel.
        bilinear: Whether bilinear upsampling may occur; TensorFlow computes it in float32 whatever the input.
        nonlinear: Whether ReLUs may stand between the linear operations.
    """
    draft = _Draft(draw, draw(st.sampled_from(sizes)), max_side, bilinear=bilinear, nonlinear=nonlinear)
    x = draft.encode() if encoder else draft.begin()
    for skip, stride in reversed(draft.skips):
        x = draft.some(x, 1)
        x = draft.upsample(x, stride)
        x = draft.some(x, 1)
        x = draft.join(x, skip)
    x = draft.some(x, 1)
    x = draft.conv(x, draw(st.sampled_from((1, 2, 11, 21)) | st.integers(1, 21)))
    draft.some(x, 1, head=True)
    return Plan(tuple(draft.nodes), draw(st.integers(0, 99)))


class _Draft:
    """A plan in the making, which keeps track of sizes."""

    def __init__(self, draw, size_hw, max_side, *, bilinear, nonlinear):
        self.nodes = []
        self.skips = []
        self._draw = draw
        self._max_side = max(max_side, *size_hw)
        self._bilinear = bilinear
        self._nonlinear = nonlinear
        self._add("image", (), (*size_hw, 3))

    def _add(self, kind, reads, shape, **options):
        self.nodes.append(Node(kind, reads, shape, options))
        return len(self.nodes) - 1

    def _int(self, low, high):
        return self._draw(st.integers(low, high))

    def _pair(self, values):
        """Mostly the same along both axes, as networks are."""
        first = self._draw(st.sampled_from(values))
        return (first, self._draw(st.sampled_from(values)) if self._int(0, 3) == 3 else first)

    def _shape(self, x):
        return self.nodes[x].shape

    def begin(self):
        source = self._relu(0)
        self.skips = [(source, self._int(1, 3)) for _ in range(self._int(0, 2))]
        return source

    def encode(self):
        x = 0
        for _ in range(self._draw(st.sampled_from((1, 2, 2, 3)))):
            height, width, _ = self._shape(x)
            shape = (height, width, self._int(1, 4))
            if self._draw(st.booleans()):
                x = self._add("conv", (x,), shape, kernel=(3, 3), dilation=1, stride=1, padding="same", bias=False)
                x = self._add("relu", (self.batch_norm(x),), shape)
            else:
                x = self._add("relu_conv", (x,), shape)
            stride = self._draw(st.sampled_from((2, 2, 2, 3, 4)))
            self.skips.append((x, stride))
            x = self._add("pool", (x,), (-(-height // stride), -(-width // stride), shape[2]), stride=stride)
            if self._int(0, 7) == 7:
                self.skips[-1] = (0, stride)
        if self._int(0, 3) == 3:
            height, width, _ = self._shape(x)
            x = self._add("relu_conv", (x,), (height, width, self._int(1, 4)))
        return x

    def some(self, x, most, *, head=False):
        """Add up to *most* operations that read one tensor, or read it twice."""
        choices = [self.batch_norm, self.crop, self.pad, self._linear, self._dropout]
        if not head:
            choices += [self.conv, self.conv, self.transposed, self.resize, self._twice]
            choices += [self._relu, self._relu_branch] if self._nonlinear else []
        for _ in range(self._int(0, most)):
            x = self._draw(st.sampled_from(choices))(x)
        return x

    def upsample(self, x, stride):
        if self._int(0, 3) == 3:
            return self.resize(x, stride)
        return self.transposed(x, stride if self._int(0, 2) else None)

    def transposed(self, x, stride=None):
        height, width, _ = self._shape(x)
        strides = (stride, stride) if stride else self._pair((1, 2, 3, 4, 5, 6, 7, 8))
        strides = tuple(
            max(1, min(by, self._max_side // size)) for by, size in zip(strides, (height, width), strict=True)
        )
        kernel = self._pair((1, 2, 3, 4, 5, 6, 7))
        padding = self._draw(st.sampled_from(("same", "valid")))
        out = tuple(
            size * by + (max(k - by, 0) if padding == "valid" else 0)
            for size, by, k in zip((height, width), strides, kernel, strict=True)
        )
        options = {"kernel": kernel, "strides": strides, "padding": padding, "bias": self._draw(st.booleans())}
        return self._add("transposed", (x,), (*out, self._int(1, 4)), **options)

    def conv(self, x, filters=None):
        """Add a convolution; *filters* makes it the head, mostly 1x1."""
        height, width, _ = self._shape(x)
        wide = filters is None or self._int(0, 3) == 3
        kernel = self._pair((1, 2, 3, 4, 5)) if wide else (1, 1)
        dilation = self._int(1, 2)
        stride = 2 if filters is None and dilation == 1 and self._int(0, 7) == 7 else 1
        reach = tuple((k - 1) * dilation + 1 for k in kernel)
        fits = reach[0] <= height and reach[1] <= width
        padding = self._draw(st.sampled_from(("same", "valid"))) if fits else "same"
        if padding == "valid":
            height, width = height - reach[0] + 1, width - reach[1] + 1
        shape = (-(-height // stride), -(-width // stride), filters or self._int(1, 4))
        options = {"kernel": kernel, "dilation": dilation, "stride": stride, "padding": padding}
        return self._add("conv", (x,), shape, **options, bias=self._draw(st.booleans()))

    def resize(self, x, stride=None):
        height, width, channels = self._shape(x)
        by = (stride, stride) if stride else self._pair((2, 3, 4))
        by = tuple(max(1, min(b, self._max_side // size)) for b, size in zip(by, (height, width), strict=True))
        kind = self._draw(st.sampled_from(("bilinear", "nearest") if self._bilinear else ("nearest",)))
        return self._add(kind, (x,), (height * by[0], width * by[1], channels), by=by)

    def batch_norm(self, x):
        center, scale = self._draw(st.sampled_from(((True, True), (True, False), (False, True), (False, False))))
        return self._add("batch_norm", (x,), self._shape(x), center=center, scale=scale)

    def crop(self, x):
        height, width, channels = self._shape(x)
        top, left = (self._int(0, min(2, size - 1)) for size in (height, width))
        bottom, right = (self._int(0, min(2, size - 1 - before)) for size, before in ((height, top), (width, left)))
        shape = (height - top - bottom, width - left - right, channels)
        return self._add("crop", (x,), shape, by=((top, bottom), (left, right)))

    def pad(self, x):
        height, width, channels = self._shape(x)
        top, bottom, left, right = (self._int(0, 2) for _ in range(4))
        shape = (height + top + bottom, width + left + right, channels)
        return self._add("pad", (x,), shape, by=((top, bottom), (left, right)))

    def join(self, x, skip):
        """Crop both to the size they share, somewhere, and put them together."""
        size_hw = tuple(min(sizes) for sizes in zip(self._shape(x)[:2], self._shape(skip)[:2], strict=True))
        x, skip = self._cut(x, size_hw), self._cut(skip, size_hw)
        kind = self._draw(st.sampled_from(("concat", "add")))
        channels = self._shape(x)[2]
        reads = (x, skip) if self._draw(st.booleans()) else (skip, x)
        if kind == "concat":
            return self._add("concat", reads, (*size_hw, channels + self._shape(skip)[2]))
        if self._shape(skip)[2] != channels:
            score = self._add(
                "conv", (skip,), (*size_hw, channels), kernel=(1, 1), dilation=1, stride=1, padding="same", bias=True
            )
            reads = (x, score)
        return self._add("add", reads, (*size_hw, channels))

    def _cut(self, x, size_hw):
        height, width, channels = self._shape(x)
        extra = (height - size_hw[0], width - size_hw[1])
        if extra == (0, 0):
            return x
        # At the end where pools rounded up; the middle is what "valid" leaves.
        before = (0, 0) if self._draw(st.booleans()) else (extra[0] // 2, extra[1] // 2)
        by = tuple((first, all_ - first) for first, all_ in zip(before, extra, strict=True))
        return self._add("crop", (x,), (*size_hw, channels), by=by)

    def _linear(self, x):
        return self._add("linear", (x,), self._shape(x))

    def _dropout(self, x):
        return self._add("dropout", (x,), self._shape(x))

    def _relu(self, x):
        return self._add("relu", (x,), self._shape(x))

    def _twice(self, x):
        """Read a tensor inside the region twice."""
        return self.join(self.some(x, 1), x)

    def _relu_branch(self, x):
        """Let what is nonlinear read a tensor of the region, and the region its result."""
        return self.join(x, self._relu(x))
