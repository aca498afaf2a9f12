"""The camera with a page that has fifty seats, which the command line does not offer.

python -m camera_proof.fifty_seats MODEL URL LOG --json FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fcn_edge.live.config import CameraConfig
from fcn_edge.live.run import run_camera
from fcn_edge.live.source import SourceConfig
from fcn_edge.live.stopping import stop_on_signals
from fcn_edge.live.web.config import WebConfig

SEATS = 50


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("model", "url", "log", "--json"):
        parser.add_argument(name)
    args = parser.parse_args()
    config = CameraConfig(
        args.model,
        SourceConfig(args.url),
        view="web",
        web=WebConfig(port=0, max_viewers=SEATS),
        frame_log=Path(args.log),
        report=args.json,
    )
    with stop_on_signals() as stop:
        run_camera(config, stop=stop, quiet=False)


if __name__ == "__main__":
    main()
