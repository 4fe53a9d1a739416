"""The loader as it runs: what its transforms do, whether workers repeat each other, where integers wrap round, how fast it is.

    loader → asked → spots, stored rows → passages → experiments → looks

All of it is experiments on a handful of samples: read again with other random numbers, exchanged on their way, read by a twin of
the loader with processes of its own.
"""

from nbdebug.data.running.again import Repeated
from nbdebug.data.running.apart import ApartLook
from nbdebug.data.running.asked import Raised, Running
from nbdebug.data.running.box import Box
from nbdebug.data.running.clock import SpeedLook
from nbdebug.data.running.costs import Cost
from nbdebug.data.running.look import LoaderRun, run_looks
from nbdebug.data.running.passing import Trouble
from nbdebug.data.running.remembering import Remembered
from nbdebug.data.running.reseeding import Reseeded
from nbdebug.data.running.restarting import Restarted
from nbdebug.data.running.trials import Trial
from nbdebug.data.running.twin import WorkersFailed
from nbdebug.data.running.workers import WorkerLook
from nbdebug.data.running.wrapping import Wrapped

__all__ = [
    "ApartLook", "Box", "Cost", "LoaderRun", "Raised", "Remembered", "Repeated", "Reseeded", "Restarted", "Running", "SpeedLook", "Trial", "Trouble", "WorkerLook",
    "WorkersFailed", "Wrapped", "run_looks",
]  # fmt: skip
