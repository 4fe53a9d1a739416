"""What a training would meet in several processes, looked at in one."""

from nbdebug.instruments.preflight.instrument import preflight
from nbdebug.instruments.preflight.result import Preflight

__all__ = ["Preflight", "preflight"]

from nbdebug.instruments.preflight import checks  # noqa: E402, F401  they register themselves
