"""What of images and series is compared: empty ones apart, brightness and contrast of every channel."""

from __future__ import annotations

import numpy

from nbdebug.data.split import Split

WIDE = 8  # values of a sample, from which on they are not all the same by chance; our choice


def constant_ids(split: Split) -> numpy.ndarray:
    """Ids of images, series and recordings that are one value all over, and of sequences of padding alone, as far as they were remembered."""
    found: list[int] = []
    for field in split.fields:
        if field.role != "input" or field.kind not in ("image", "series", "audio", "tokens", "tabular"):
            continue
        for named in (getattr(field.facts, word, ()) for word in ("constant", "silent", "empty")):
            found += [int(i) for _, ids in (named.values() if isinstance(named, dict) else [named] if named else []) for i in ids]
        if isinstance(field.sample, numpy.ndarray) and len(field.sample) == len(split.ids):
            flat = field.sample.reshape(len(field.sample), -1)
            if flat.shape[1] >= WIDE:
                found += split.ids[flat.max(1) == flat.min(1)].tolist()
    return numpy.array(found, dtype=numpy.int64)


def features(means: numpy.ndarray, stds: numpy.ndarray) -> numpy.ndarray:
    """(K, F): the means, the standard deviations, and how the means of any two channels differ."""
    channels = means.shape[1]
    pairs = [(i, j) for i in range(min(channels, 4)) for j in range(i)]
    apart = [means[:, i] - means[:, j] for i, j in pairs]
    return numpy.concatenate([means, stds, *(column[:, None] for column in apart)], 1)


def feature_names(channels: int, kind: str) -> tuple[str, ...]:
    """Of the columns of `features`: only pictures have brightness."""
    level, spread = ("brightness", "contrast") if kind == "image" else ("mean", "spread")
    pairs = [f"channel {i} less channel {j}" for i in range(min(channels, 4)) for j in range(i)]
    return (*(f"{level} of channel {i}" for i in range(channels)), *(f"{spread} of channel {i}" for i in range(channels)), *pairs)
