"""How the features lie: distributions, missing values, outliers, copies, and those that give the target away."""

from nbdebug.data.features.broken import Broken
from nbdebug.data.features.features import FeatureLook, features
from nbdebug.data.features.matrix import place

__all__ = ["Broken", "FeatureLook", "features", "place"]
