"""What one training step costs: seconds with their noise, bytes at the peak, for batches of any size.

    setup, batch → a step again and again → seconds, bytes

Nothing here is judged; the instruments that ask how large a batch may be, and where the time goes, both measure with it.
"""

from nbdebug.step_cost.clock import Timing, timed, wait
from nbdebug.step_cost.peak import held_bytes, peak_bytes, resident_bytes
from nbdebug.step_cost.recording import demand_no_profiler, recorded
from nbdebug.step_cost.repeating import Stepper, rates_at_zero
from nbdebug.step_cost.resizing import Batches

__all__ = [
    "Batches", "Stepper", "Timing", "demand_no_profiler", "held_bytes", "peak_bytes", "rates_at_zero", "recorded", "resident_bytes",
    "timed", "wait",
]  # fmt: skip
