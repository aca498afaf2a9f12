"""Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")

PLAIN_LINE_EVERY_S = 10.0


def track(
    items: Iterable[T],
    *,
    total: int,
    description: str,
    unit: str = "image",
    quiet: bool = False,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[T]:
    """Yield *items* and show how far along they are on *stream* (standard error by default).

    On a terminal this is a tqdm bar. Elsewhere (CI, a log file) it is one line every ten seconds and one at the end,
    since a bar redrawn with carriage returns makes a log unreadable.
    """
    stream = stream or sys.stderr
    if quiet:
        yield from items
        return
    if stream.isatty():
        yield from tqdm(items, total=total, desc=description, unit=unit, file=stream, dynamic_ncols=True, leave=False)
        return
    started = shown = clock()
    done = 0
    for item in items:
        yield item
        done += 1
        now = clock()
        if now - shown >= PLAIN_LINE_EVERY_S and done < total:
            shown = now
            rate = done / (now - started)
            left_s = (total - done) / rate
            print(f"{description}: {done}/{total} {unit}s, {rate:.1f}/s, {left_s:.0f} s left", file=stream, flush=True)
    print(f"{description}: {done} {unit}s in {clock() - started:.1f} s", file=stream, flush=True)
