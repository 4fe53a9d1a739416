"""Does the model beat what knows nothing of the inputs, and what is linear?"""

from nbdebug.instruments.baselines import checks  # noqa: F401  they register
from nbdebug.instruments.baselines.instrument import baselines
from nbdebug.instruments.baselines.result import Baselines

__all__ = ["Baselines", "baselines"]
