"""Training of the networks on a data folder."""

from fcn_edge.train.augment import NO_AUGMENTATION, AugmentConfig
from fcn_edge.train.config import TrainConfig
from fcn_edge.train.history import EpochStats, TrainReport
from fcn_edge.train.trainer import train_model

__all__ = ["NO_AUGMENTATION", "AugmentConfig", "EpochStats", "TrainConfig", "TrainReport", "train_model"]
