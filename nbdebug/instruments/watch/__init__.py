"""Watch any training loop: the order of its calls, its curves and tensors, and the mistakes in it."""

from nbdebug.instruments.watch.recorder import Step
from nbdebug.instruments.watch.session import Watch, watch, watched

__all__ = ["Step", "Watch", "watch", "watched"]

from nbdebug.instruments.watch import checks_clearing, checks_curves, checks_decay, checks_finite, checks_memory, checks_metric, checks_mode, checks_noise, checks_overfitting, checks_own, checks_precision, checks_rates, checks_schedule, checks_stability, checks_state, checks_tensors, checks_update  # noqa: E402, F401, I001  the checks register themselves
