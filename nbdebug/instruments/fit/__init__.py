"""What the curves of a training say: from a watch, a DataFrame, a CSV or TensorBoard's event files."""

from nbdebug.instruments.fit.instrument import fit
from nbdebug.instruments.fit.result import Fit

__all__ = ["Fit", "fit"]

from nbdebug.instruments.fit import checks  # noqa: E402, F401  they register themselves
