"""Which learning rate to begin with: a sweep on borrowed weights, then short trainings that decide, both repeated."""

from nbdebug.instruments.lr_find import checks  # noqa: F401  they register
from nbdebug.instruments.lr_find.instrument import lr_find
from nbdebug.instruments.lr_find.result import LrFind

__all__ = ["LrFind", "lr_find"]
