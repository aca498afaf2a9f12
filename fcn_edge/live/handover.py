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

    def put(self, item: T) -> int:
        """Add *item*; return how many items were lost by it: 0, or 1 where it pushed one out or came after the end."""
        with self._changed:
            if self._drop_oldest and not self._closed:
                lost = len(self._items) >= self._capacity
                if lost:
                    self._items.popleft()
            else:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self._capacity)
                lost = self._closed
            if not self._closed:
                self._items.append(item)
            self._changed.notify_all()
        return int(lost)

    def get(self, timeout_s: float | None = None) -> T | None:
        """Take the oldest item, waiting for one; None after *timeout_s* or when the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._items), timeout_s)
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
        return item

    def close(self, *, discard: bool = False) -> int:
        """End the queue: waiting threads wake up, and what is left can still be taken unless it is discarded.

        Returns:
            How many items were discarded.
        """
        with self._changed:
            self._closed = True
            discarded = len(self._items) if discard else 0
            if discard:
                self._items.clear()
            self._changed.notify_all()
        return discarded
