"""Whether the gradient is right: numeric against analytic, parameter by parameter."""

from nbdebug.instruments.gradcheck import checks  # noqa: F401  they register
from nbdebug.instruments.gradcheck.instrument import gradcheck
from nbdebug.instruments.gradcheck.result import FunctionRow, GradCheck, GradientRow

__all__ = ["FunctionRow", "GradCheck", "GradientRow", "gradcheck"]
