"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# A busy shared machine misses any deadline; few examples each, since many tests have some.
settings.register_profile("quick", deadline=None, max_examples=30)
settings.load_profile("quick")
