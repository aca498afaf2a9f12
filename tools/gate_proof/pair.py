"""How much longer one model file takes than another, measured apart from what is to be proven.

The clock is the processor's, so that other programs' time is left out; each process is fresh, since where a session
lies in memory scatters its times. ``python -m gate_proof.pair BASE HEAD SEED`` is one such process.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from fcn_edge.machine.processor import pin_to_one
from fcn_edge.runtime import open_backend
from fcn_edge.timing.paired import Contestant, SamplingConfig, sample

PROCESSES = 7
_BLOCKS = 40
_INPUTS = 8
_TOOLS = Path(__file__).resolve().parents[1]


def ratio_in_fresh_processes(base: Path, head: Path) -> float:
    """Give the median over fresh processes of head time / base time.

    Raises:
        CalledProcessError: A process failed; what it said stands on standard error.
    """
    paths = os.pathsep.join(filter(None, [str(_TOOLS), os.environ.get("PYTHONPATH", "")]))
    ratios = []
    for seed in range(PROCESSES):
        command = [sys.executable, "-m", "gate_proof.pair", str(base), str(head), str(seed)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
        )
        ratios.append(float(json.loads(done.stdout)))
    return statistics.median(ratios)


def _ratio(base: Path, head: Path, seed: int) -> float:
    pin_to_one()
    # Opened in both orders, by turns.
    paths = {"base": base, "head": head} if seed % 2 else {"head": head, "base": base}
    backends = {name: open_backend(path, threads=1) for name, path in paths.items()}
    shape = backends["base"].info.input.shape
    pixels = [np.random.default_rng(i).integers(0, 256, shape, np.uint8) for i in range(_INPUTS)]
    contestants = [Contestant(name, backend.infer, pixels) for name, backend in backends.items()]
    samples = sample(contestants, SamplingConfig(blocks=_BLOCKS, seed=seed), clock=time.process_time)
    return samples.ratio("head", "base").ratio


if __name__ == "__main__":
    print(_ratio(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
