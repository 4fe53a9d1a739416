"""Where a step's time and memory go, and the cheapest gains, tried.

    bare step → phases → the loop with its loader → modules, operators, bytes → gains, each tried beside the step as it is

`named_ranges` puts the same names around the modules of a script of your own, for torch's profiler and for Nsight Systems.
"""

from nbdebug.instruments.profile.instrument import profile
from nbdebug.instruments.profile.ranges import named_ranges
from nbdebug.instruments.profile.result import Profile

__all__ = ["Profile", "named_ranges", "profile"]
