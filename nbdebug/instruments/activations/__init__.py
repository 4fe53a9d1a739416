"""Activations by layer, units that never respond, weights of unsound scale."""

from nbdebug.instruments.activations import checks  # noqa: F401  they register
from nbdebug.instruments.activations.instrument import activations
from nbdebug.instruments.activations.result import ActivationStats

__all__ = ["ActivationStats", "activations"]
