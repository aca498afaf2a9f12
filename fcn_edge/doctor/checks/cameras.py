"""Video devices: which give pictures, whether this user may open them, and who else does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host
from fcn_edge.machine.kernel import field, read_text
from fcn_edge.machine.video import VideoNodeInfo, find_video_nodes, holders


def check(host: Host) -> Iterator[Finding]:
    """Look at ``/dev/video*``."""
    nodes = find_video_nodes(host.root, query=host.query_video)
    cameras = [node for node in nodes if node.kind in ("camera", "unknown")]
    if not cameras:
        text = "no USB camera found" + (f" ({_others(nodes)})" if nodes else "")
        advice = "plug one in, or use another source: --source film.mp4, rtsp://…, test"
        yield Finding("no_camera", "note", text, advice=advice)
    for node in cameras:
        yield from _camera(host, node)
    if cameras and len(nodes) > len(cameras):
        yield Finding("other_nodes", "ok", f"not cameras: {_others(nodes)}")


def _camera(host: Host, node: VideoNodeInfo) -> Iterator[Finding]:
    if not host.can_open(node.path):
        yield _forbidden(host, node)
        return
    held = holders(node.path, host.root)
    if held:
        text = f"{node.path} ({node.name}) is held by {', '.join(held)}"
        advice = "end that program first: most cameras serve one program at a time"
        yield Finding("camera_busy", "warning", text, advice=advice)
        return
    yield Finding("camera", "ok", f"{node.path}: {node.name} (--source {node.path})")


def _forbidden(host: Host, node: VideoNodeInfo) -> Finding:
    text = f"{node.path} ({node.name}) may not be opened by {host.user.name}"
    members = field(_groups(host), ["video"]) or ""
    if host.user.name in members.rpartition(":")[2].split(","):
        advice = "log out and in again: you are in the group video, but this session began before that"
        return Finding("camera_forbidden", "fault", f"{text} yet", advice=advice)
    if "video" in host.user.groups:
        advice = f"look at its owner and group: ls -l {node.path}"
        return Finding("camera_forbidden", "fault", text, advice=advice)
    # Takes effect when the user logs in the next time.
    command = f"sudo usermod -aG video {host.user.name}"
    return Finding("camera_forbidden", "fault", f"{text}, who is not in the group video", command=command)


def _groups(host: Host) -> str:
    return read_text(host.root / "etc/group") or ""


def _others(nodes: tuple[VideoNodeInfo, ...]) -> str:
    kinds = Counter(node.kind for node in nodes if node.kind not in ("camera", "unknown"))
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())
