"""The user's own code and objects on their way to his own ranks: by value, once, in one file for his eyes only.

    job → by_value (one pass) → payload/job.pt → digest → read by every rank, tensors mapped from the file

Classes and functions of the notebook travel as they are in the kernel; what ranks import is imported from the same sys.path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbdebug.training.payload.parts import Part, Shipment
    from nbdebug.training.payload.reading import read
    from nbdebug.training.payload.writing import shipped, write

__all__ = ["Part", "Shipment", "read", "shipped", "write"]


def __getattr__(name: str) -> Any:
    """Imported when asked for: a rank needs nothing of the writer, and the kernel nothing at all before a launch."""
    from importlib import import_module

    homes = {"Part": "parts", "Shipment": "parts", "read": "reading", "shipped": "writing", "write": "writing"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{homes[name]}"), name)
