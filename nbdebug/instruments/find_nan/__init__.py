"""Where is the first NaN or Inf of the training born?"""

from nbdebug.instruments.find_nan import checks  # noqa: F401  they register
from nbdebug.instruments.find_nan.armed import Armed, armed
from nbdebug.instruments.find_nan.instrument import find_nan
from nbdebug.instruments.find_nan.result import FindNan

__all__ = ["Armed", "FindNan", "armed", "find_nan"]
