"""How many processors a control group leaves to this process: containers and CI runners are limited in this way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from fcn_edge.machine.kernel import ROOT, read_number, read_text

_V1_NAMES = ("cpu", "cpu,cpuacct", "cpuacct,cpu")


def quota_cpus(root: Path = ROOT) -> float | None:
    """Give the processor time that the control groups of this process allow, in processors: 1.5 is one and a half.

    Args:
        root: Of the file system in which ``proc`` and ``sys`` lie.

    Returns:
        The smallest limit of the group and all above it, version 1 or 2; None where none is set.
    """
    mount = root / "sys/fs/cgroup"
    found = []
    for hierarchy, group in _groups(root):
        if hierarchy == "":
            for mounted in (mount, mount / "unified"):
                found += [_v2(folder) for folder in _upwards(mounted, group)]
        elif "cpu" in hierarchy.split(","):
            for name in _V1_NAMES:
                found += [_v1(folder) for folder in _upwards(mount / name, group)]
    limits = [limit for limit in found if limit is not None]
    return min(limits, default=None)


def _groups(root: Path) -> Iterator[tuple[str, PurePosixPath]]:
    """List the controllers of each hierarchy, none for version 2, with the group of this process in it."""
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        hierarchy, colon, group = rest.partition(":")
        # A group above the container's own is shown as /../..; what lies there cannot be seen from inside.
        if number.isdigit() and colon and ".." not in group:
            yield hierarchy, PurePosixPath(group)


def _upwards(mounted: Path, group: PurePosixPath) -> Iterator[Path]:
    # Inside a container the group's whole path is often shown while only its last part is mounted.
    for level in (group, *group.parents):
        yield mounted / str(level).lstrip("/")


def _v2(folder: Path) -> float | None:
    quota, _, period = (read_text(folder / "cpu.max") or "").partition(" ")
    if not quota.isdigit() or not period.isdigit() or not int(period):
        return None
    return int(quota) / int(period)


def _v1(folder: Path) -> float | None:
    quota, period = read_number(folder / "cpu.cfs_quota_us"), read_number(folder / "cpu.cfs_period_us")
    # A quota of -1 is none.
    return quota / period if quota is not None and period and quota > 0 else None
