"""Checkpoints: whole or not there, of tensors and plain values alone, kept by a rule, read without running anything."""

from __future__ import annotations

from nbdebug.training.checkpoint.keeping import Rule, keep, stay
from nbdebug.training.checkpoint.reading import Loaded, load, newest
from nbdebug.training.checkpoint.writing import save, write

__all__ = ["Loaded", "Rule", "keep", "load", "newest", "save", "stay", "write"]
