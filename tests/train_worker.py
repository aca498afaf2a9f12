"""One worker of a training, as a process of its own: train_worker.py DATA OUT EPOCHS [EPOCH TO DIE AFTER]."""

import json
import os
import sys
from pathlib import Path

from fcn_edge.errors import FcnEdgeError
from fcn_edge.train import TrainConfig, train_model


def main(data, out, epochs, last=0):
    def told(stats):
        if stats.epoch == int(last):
            # As a power cut would: nothing is told to the others.
            os._exit(9)

    config = TrainConfig(
        data=Path(data),
        out=Path(out),
        size_hw=(20, 24),
        options={"filters": (4, 8), "batch_norm": True},
        epochs=int(epochs),
        batch_size=4,
        warmup_epochs=0,
        average=0.9,
        learning_rate=0.01,
        patience=0,
    )
    try:
        report = train_model(config, quiet=True, on_epoch=told)
    except FcnEdgeError as error:
        sys.stdout.write(json.dumps({"error": error.message, "hint": error.hint}))
        return error.exit_code
    sys.stdout.write(json.dumps({"losses": [[stats.loss, stats.val_loss, stats.val_miou] for stats in report.epochs]}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
