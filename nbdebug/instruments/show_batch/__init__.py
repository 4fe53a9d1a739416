"""One batch as the network gets it."""

from nbdebug.instruments.show_batch.instrument import show_batch

__all__ = ["show_batch"]
