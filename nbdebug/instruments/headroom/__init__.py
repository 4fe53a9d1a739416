"""Operators near the edge of their domain, formulas that lose their digits, rows with nothing to look at: a NaN announced before it comes."""

from nbdebug.instruments.headroom import checks  # noqa: F401  they register
from nbdebug.instruments.headroom.instrument import headroom
from nbdebug.instruments.headroom.result import Headroom

__all__ = ["Headroom", "headroom"]
