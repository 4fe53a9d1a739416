"""How the features lie: distributions, missing values, outliers, copies, and those that give the target away."""

from nbdebug.data.features.features import FeatureLook, features

__all__ = ["FeatureLook", "features"]
