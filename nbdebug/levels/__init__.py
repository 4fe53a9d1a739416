"""Code, numbers, optimisation: a light for every question that a training must answer."""

from nbdebug.levels.climb import levels

__all__ = ["levels"]
