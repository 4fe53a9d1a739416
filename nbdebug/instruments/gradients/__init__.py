"""Gradients by parameter, and the backward signal along the forward pass."""

from nbdebug.instruments.gradients import checks  # noqa: F401  they register
from nbdebug.instruments.gradients.instrument import gradients
from nbdebug.instruments.gradients.result import GradientStats

__all__ = ["GradientStats", "gradients"]
