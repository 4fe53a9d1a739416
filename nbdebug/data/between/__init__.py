"""What train and validation share, and how they differ: copies, preparation, drift, class shift."""

from nbdebug.data.between.between import BetweenLook, between

__all__ = ["BetweenLook", "between"]
