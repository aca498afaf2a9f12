"""Slowing down those who guess tokens, without holding up anybody else."""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict

from fcn_edge.live.frame import Clock

_ADDRESSES = 256
_REMEMBERED = 4
# Ten at once are a person who mistypes; after that one every three seconds: 16 characters last for ages.
AT_ONCE = 10
_REFILL_S = 3.0
_IPV6_SUBNET = 64


class _Record:
    __slots__ = ("at", "left", "wrong")

    def __init__(self, at: float) -> None:
        self.at = at
        self.left = float(AT_ONCE)
        self.wrong: list[bytes] = []


class Guesses:
    """Counts wrong tokens by address.

    The same wrong token counts once: a page left open from before the token changed asks with the old one for ever.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def exhausted(self, address: str) -> bool:
        """Tell whether *address* guessed so often that its tokens are not looked at for a while."""
        record = self._records.get(_neighbourhood(address))
        if record is None:
            return False
        now = self._clock()
        record.left = min(float(AT_ONCE), record.left + (now - record.at) / _REFILL_S)
        record.at = now
        return record.left < 1

    def wrong(self, address: str, token: str) -> None:
        """Count a wrong token."""
        key = _neighbourhood(address)
        record = self._records.setdefault(key, _Record(self._clock()))
        self._records.move_to_end(key)
        digest = hashlib.sha256(token.encode(errors="surrogateescape")).digest()
        if digest not in record.wrong:
            record.wrong = [*record.wrong, digest][-_REMEMBERED:]
            record.left -= 1
        while len(self._records) > _ADDRESSES:
            self._records.popitem(last=False)


def _neighbourhood(address: str) -> str:
    """Give what one person has: an IPv4 address, or the /64 that an IPv6 network gives to each of its lines."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _IPV6_SUBNET), strict=False))
    return str(found)
