"""Can the model memorise a few samples?"""

from nbdebug.instruments.overfit import checks  # noqa: F401  they register
from nbdebug.instruments.overfit.instrument import overfit
from nbdebug.instruments.overfit.result import Overfit

__all__ = ["Overfit", "overfit"]
