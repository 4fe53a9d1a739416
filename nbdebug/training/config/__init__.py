"""The configuration of a run: from a file, a mapping or keywords to plain values that are complete and checked."""

from nbdebug.training.config.of_data import Data
from nbdebug.training.config.of_keeping import Checkpoint, Log, MLflow, Watch
from nbdebug.training.config.of_launch import Launch
from nbdebug.training.config.of_learning import Loss, Optimizer, Scheduler
from nbdebug.training.config.of_training import EarlyStopping, Training
from nbdebug.training.config.reading import read_config
from nbdebug.training.config.run_config import RunConfig

__all__ = ["Checkpoint", "Data", "EarlyStopping", "Launch", "Log", "Loss", "MLflow", "Optimizer", "RunConfig", "Scheduler", "Training", "Watch", "read_config"]
