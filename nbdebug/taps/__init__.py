"""Where torch is tapped while a loop is watched: every call that makes up a training step tells a listener.

A tap replaces an attribute of torch for the time and hands it back; nothing of the user's own is touched. Only the thread
that opened the taps is heard: copies of a model that run in threads, and worker processes, are not the loop. Where a listener
is deaf nothing is tapped, because each tap costs.
"""

from __future__ import annotations

from nbdebug.taps.forward import LOSSES
from nbdebug.taps.listeners import Both, Score, Silent, hears, key_of
from nbdebug.taps.opened import Taps, all_deaf

__all__ = ["LOSSES", "Both", "Score", "Silent", "Taps", "all_deaf", "hears", "key_of"]
