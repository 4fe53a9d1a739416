"""The first step: one guarded training step, and what is learnt by repeating it with one thing changed."""

from nbdebug.instruments.first_step import (  # noqa: F401  they register
    direction_checks,
    forward_checks,
    future_checks,
    loss_checks,
    noise_checks,
    range_checks,
    structure_checks,
    wiring_checks,
)
from nbdebug.instruments.first_step.instrument import first_step
from nbdebug.instruments.first_step.result import FirstStep

__all__ = ["FirstStep", "first_step"]
