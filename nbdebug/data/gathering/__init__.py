"""One pass over a source, in bounded memory: statistics of all of it, and an even sample of its rows."""

from nbdebug.data.gathering.gather import Gather

__all__ = ["Gather"]
