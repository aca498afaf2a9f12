"""Passing items from one thread to the next through a bounded queue."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """A bounded queue between two threads.

    With ``drop_oldest`` a full queue loses its oldest item, so a producer never waits (live means latest); without, the
    producer waits for room (file means all).
    """

    def __init__(self, capacity: int, *, drop_oldest: bool) -> None:
        self._capacity = capacity
        self._drop_oldest = drop_oldest
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: T) -> T | None:
        """Add *item*.

        Returns:
            The item that was lost by it: the one it pushed out, or *item* itself if it came after the end; else None.
        """
        with self._changed:
            if not self._drop_oldest:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self._capacity)
            if self._closed:
                return item
            lost = self._items.popleft() if len(self._items) >= self._capacity else None
            self._items.append(item)
            self._changed.notify_all()
        return lost

    def get(self, timeout_s: float | None = None) -> T | None:
        """Take the oldest item, waiting for one; None after *timeout_s* or when the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._items), timeout_s)
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
        return item

    def close(self, *, discard: bool = False) -> list[T]:
        """End the queue: waiting threads wake up, and what is left can still be taken unless it is discarded.

        Returns:
            The items that were discarded.
        """
        with self._changed:
            self._closed = True
            discarded = list(self._items) if discard else []
            if discard:
                self._items.clear()
            self._changed.notify_all()
        return discarded
