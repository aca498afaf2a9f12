"""``python -m fcn_edge``."""

from __future__ import annotations

import sys

from fcn_edge.cli.main import main

sys.exit(main())
