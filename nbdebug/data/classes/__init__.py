"""How the labels lie: balance, order, agreement with their neighbours, and what the model makes of them."""

from nbdebug.data.classes.classes import ClassLook, classes

__all__ = ["ClassLook", "classes"]
