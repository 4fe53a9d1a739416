"""A failed step, read from a file and run again."""

from nbdebug.instruments.replay.instrument import draw_from, replayed
from nbdebug.instruments.replay.result import PASS, Replayed, in_a_loop

__all__ = ["PASS", "Replayed", "draw_from", "in_a_loop", "replayed"]
