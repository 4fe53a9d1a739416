"""What of images is compared: empty ones apart, brightness and contrast of every channel."""

from __future__ import annotations

import numpy

from nbdebug.data.split import Split


def constant_ids(split: Split) -> numpy.ndarray:
    """Ids of images that are one value all over, as far as they were remembered."""
    found: list[int] = []
    for field in split.fields:
        if field.kind != "image":
            continue
        named = getattr(field.facts, "constant", None)
        if isinstance(named, dict):
            found += [int(i) for _, ids in named.values() for i in ids]
        if isinstance(field.sample, numpy.ndarray) and len(field.sample) == len(split.ids):
            flat = field.sample.reshape(len(field.sample), -1)
            found += split.ids[flat.max(1) == flat.min(1)].tolist()
    return numpy.array(found, dtype=numpy.int64)


def features(means: numpy.ndarray, stds: numpy.ndarray) -> numpy.ndarray:
    """(K, F): the means, the standard deviations, and how the means of any two channels differ."""
    channels = means.shape[1]
    pairs = [(i, j) for i in range(min(channels, 4)) for j in range(i)]
    apart = [means[:, i] - means[:, j] for i, j in pairs]
    return numpy.concatenate([means, stds, *(column[:, None] for column in apart)], 1)


def feature_names(channels: int) -> tuple[str, ...]:
    """Of the columns of `features`."""
    pairs = [f"channel {i} less channel {j}" for i in range(min(channels, 4)) for j in range(i)]
    return (*(f"brightness of channel {i}" for i in range(channels)), *(f"contrast of channel {i}" for i in range(channels)), *pairs)
