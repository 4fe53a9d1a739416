"""Where another Python process finds what this one can import."""

from __future__ import annotations

import os
import sys


def search_path() -> str:
    """A PYTHONPATH of this process's own places, the working directory by its name; a path with a separator in it cannot be said."""
    return os.pathsep.join(path or os.getcwd() for path in map(str, sys.path) if os.pathsep not in path)
