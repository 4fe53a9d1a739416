"""Does the same training give the same numbers twice, and if not, what differs first?"""

from nbdebug.instruments.determinism import checks  # noqa: F401  they register
from nbdebug.instruments.determinism.instrument import determinism
from nbdebug.instruments.determinism.result import Determinism

__all__ = ["Determinism", "determinism"]
