"""The time of day: boards without a battery wake up in the past, and logs and certificates are wrong with them."""

from __future__ import annotations

from collections.abc import Iterator

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host

# Of this package's first release.
_RELEASED = 2026
_SET = "sudo timedatectl set-ntp true"


def check(host: Host) -> Iterator[Finding]:
    """Look at the clock."""
    if host.year < _RELEASED:
        text = f"the clock says {host.year}: times in logs will be wrong, and https may refuse"
        yield Finding("clock_wrong", "warning", text, command=_SET)
        return
    # timesyncd leaves this file; others are asked through timedatectl.
    if (host.root / "run/systemd/timesync/synchronized").exists():
        yield Finding("clock", "ok", "synchronised")
        return
    told = (host.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"]) or "").strip()
    if told == "yes":
        yield Finding("clock", "ok", "synchronised")
    elif told == "no":
        yield Finding("clock_free", "note", "not synchronised over the network", command=_SET)
