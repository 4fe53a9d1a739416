"""An exception explained: what met there, the way to it, and the mends, tried on copies."""

from nbdebug.crash.explain import NOT_OF_A_CALL, explained
from nbdebug.crash.release import release
from nbdebug.crash.result import Crash, MemoryRow, Mend, Operand, WayStep

__all__ = ["NOT_OF_A_CALL", "Crash", "MemoryRow", "Mend", "Operand", "WayStep", "explained", "release"]
