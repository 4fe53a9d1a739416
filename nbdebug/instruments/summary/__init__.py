"""The model layer by layer, with FLOPs and memory."""

from nbdebug.instruments.summary.instrument import summary
from nbdebug.instruments.summary.result import Summary

__all__ = ["Summary", "summary"]
