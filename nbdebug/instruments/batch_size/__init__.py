"""Which batch fits, which is the fastest per sample, and what a change of it asks of the learning rate.

    loader → batches of other sizes → bytes and seconds of a step → what fits → learning rates, accumulation
"""

from nbdebug.instruments.batch_size.instrument import batch_size
from nbdebug.instruments.batch_size.result import BatchSizes

__all__ = ["BatchSizes", "batch_size"]
