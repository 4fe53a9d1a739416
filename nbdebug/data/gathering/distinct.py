"""How many different values a column has, in bounded memory."""

from __future__ import annotations

import numpy

KEPT = 2048  # smallest hashes; the estimate's standard error is 1 / sqrt(KEPT) = 2 %


class Distinct:
    """The k smallest hashes of all values seen. Bar-Yossef et al., Counting distinct elements in a data stream (2002)."""

    def __init__(self) -> None:
        self.smallest = numpy.zeros(0, numpy.uint64)

    def add(self, values: numpy.ndarray) -> None:
        """(n,) numbers; NaN is no value."""
        from pandas.util import hash_array

        hashes = hash_array(numpy.ascontiguousarray(values[values == values]))
        if len(self.smallest) == KEPT:
            hashes = hashes[hashes < self.smallest[-1]]
        if len(hashes):
            self.smallest = numpy.unique(numpy.concatenate([self.smallest, hashes]))[:KEPT]

    @property
    def exact(self) -> bool:
        """Whether none had to be let go of."""
        return len(self.smallest) < KEPT

    @property
    def count(self) -> int:
        """Different values, counted or estimated."""
        if self.exact:
            return len(self.smallest)
        return round((KEPT - 1) / (float(self.smallest[-1]) / 2.0**64))
