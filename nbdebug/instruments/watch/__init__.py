"""Watch any training loop: the order of its calls, its curves and tensors, and the mistakes in it."""

from nbdebug.instruments.watch.recorder import Step
from nbdebug.instruments.watch.session import Watch, watch, watched

__all__ = ["Step", "Watch", "watch", "watched"]

from nbdebug.instruments.watch import checks  # noqa: E402, F401  they register themselves
