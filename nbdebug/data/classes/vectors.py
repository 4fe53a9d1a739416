"""The sampled inputs as vectors of like scale, in which near means alike. Rough on purpose: no model is asked."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug.data.gathering.hashing import GOLDEN, mixed
from nbdebug.data.gathering.pixels import thumbnails
from nbdebug.data.split import FieldData, Split

CLIP = 4.0  # standard deviations
FAR = 10.0  # times as large as the median sample, which none is taken for more than; our choice
SIDE = 12  # pixels of an image
STEPS = 48  # of a series
BUCKETS = 512  # of hashed tokens and words
CATEGORIES = 32  # most frequent, one column each
WIDEST = 1024  # columns; more are added up at random signs (count sketch, Charikar et al. 2002)
ENDS = 4  # tokens at either end that count by their place as well
LETTERS, WORDS = 120, 120  # of a text that are looked at
PLACES = numpy.arange(1, 2 * ENDS + 1, dtype=numpy.uint64) << numpy.uint64(40)  # first, second, … and the same from behind
LETTERED = numpy.uint64(1 << 48)  # runs of letters are no words
WEIGHT = 8.0  # of an image, a series or a text beside a column of a table


def vectors(*chosen: tuple[Split, numpy.ndarray]) -> list[Tensor] | None:
    """One (n, D) float64 matrix for each (split, rows), all of them in the same space.

    Returns:
        None where nothing of the inputs can be compared.
    """
    first = chosen[0][0]
    blocks = []
    for field in first.fields:
        same = [split.named(field.name) for split, _ in chosen]
        if field.role != "input" or any(other is None or other.kind != field.kind for other in same):
            continue
        samples = [_picked(other.sample, rows) for other, (_, rows) in zip(same, chosen, strict=True)]
        block = _block(same, _joined(samples), [len(part) for part in samples])
        if block is not None and block.shape[1]:
            blocks.append(block)
    if not blocks:
        return None
    together = torch.cat(blocks, 1)
    sizes = [len(rows) for _, rows in chosen]
    return list(_sketched(together).split(sizes))


def _picked(sample: Any, rows: numpy.ndarray) -> Any:
    return sample[rows] if isinstance(sample, numpy.ndarray) else [sample[int(i)] for i in rows]


def _joined(samples: list[Any]) -> Any:
    """The entries of all splits, as one array where they are alike."""
    if all(isinstance(part, numpy.ndarray) for part in samples) and len({part.shape[1:] for part in samples}) == 1:
        return numpy.concatenate(samples)
    return [entry for part in samples for entry in part]


def _block(fields: list[FieldData], entries: Any, sizes: list[int]) -> Tensor | None:
    kind = fields[0].kind
    if kind in ("category", "classes"):
        return _categories(_named(fields, entries, sizes))
    if kind == "text":
        texts = ["" if entry is None else str(entry) for entry in entries]
        few = len(set(texts)) <= CATEGORIES
        return _categories(texts) if few else _words(_grams(texts))
    if kind == "tokens":
        return _words([_marked(entry) for entry in entries])
    values = _array(entries)
    if values is None:
        return None
    if kind == "image" and values.ndim == 4:
        return _scaled(_shrunk(values))
    values = torch.from_numpy(values.astype(numpy.float64, copy=False))
    if kind in ("series", "audio") and values.ndim in (2, 3):
        return _scaled(_of_series(values))
    return _standardised(values.reshape(len(values), -1)) if kind == "tabular" else None


def _array(entries: Any) -> numpy.ndarray | None:
    if not isinstance(entries, numpy.ndarray) and len({numpy.shape(entry) for entry in entries}) != 1:
        return None
    try:
        entries = numpy.asarray(entries)
        return entries if entries.dtype.kind == "f" else entries.astype(numpy.float64)
    except (TypeError, ValueError):
        return None


def _standardised(values: Tensor) -> Tensor:
    """Every column at mean 0 and deviation 1; missing values at the mean, far ones drawn in."""
    finite = torch.isfinite(values)
    filled = values.where(finite, torch.tensor(0.0, dtype=values.dtype))
    count = finite.sum(0).clamp(min=1)
    mean = filled.sum(0) / count
    deviation = (values - mean).where(finite, torch.tensor(0.0, dtype=values.dtype))
    std = (deviation.square().sum(0) / count).sqrt()
    keep = std > 1e-12 * (1 + mean.abs())
    return (deviation[:, keep] / std[keep]).clamp(-CLIP, CLIP)


def _scaled(values: Tensor) -> Tensor:
    """The block as a whole at a mean squared length of WEIGHT, so that empty pixels stay without a say."""
    values = values.nan_to_num(0.0, 0.0, 0.0)
    values = values - values.mean(0)
    length = values.square().sum(1).mean().sqrt()
    return values * (WEIGHT**0.5 / length) if float(length) > 0 else values[:, :0]


def _shrunk(images: numpy.ndarray) -> Tensor:
    small = thumbnails(images.transpose(0, 3, 1, 2).astype(numpy.float32, copy=False), SIDE)
    return torch.from_numpy(small.reshape(len(small), -1)).double()


def _of_series(values: Tensor) -> Tensor:
    """The course, and how strong each frequency is, whatever its phase; each of the two half of the whole."""
    values = values if values.ndim == 3 else values[:, :, None]
    course = _drawn_in(values.nan_to_num(0.0, 0.0, 0.0)).transpose(1, 2)  # (n, C, T)
    strength = torch.fft.rfft(course - course.mean(2, keepdim=True)).abs()
    parts = [torch.nn.functional.adaptive_avg_pool1d(part, min(STEPS, part.shape[2])).flatten(1) for part in (course, strength)]
    return torch.cat([part / part.std(0).square().sum().sqrt().clamp(min=1e-12) for part in parts], 1)


def _drawn_in(values: Tensor) -> Tensor:
    """Samples that are far larger than most made smaller, or a few broken ones leave nothing to be seen of all others."""
    size = values.abs().flatten(1).mean(1)
    factor = (FAR * size.median() / size.clamp(min=1e-300)).clamp(max=1.0)
    return values * factor.reshape(-1, *[1] * (values.ndim - 1)) if float(size.median()) > 0 else values


def _named(fields: list[FieldData], codes: list[Any], sizes: list[int]) -> list[Any]:
    names = [field.facts.names for field, size in zip(fields, sizes, strict=True) for _ in range(size)]
    return ["missing" if code < 0 else own[int(code)] for own, code in zip(names, codes, strict=True)]


def _categories(values: list[Any]) -> Tensor:
    """One column for each of the frequent ones; together they count as one column of a table."""
    frequent = [value for value, _ in Counter(values).most_common(CATEGORIES)]
    column = {value: i for i, value in enumerate(frequent)}
    hit = torch.tensor([column.get(value, -1) for value in values])
    block = (hit[:, None] == torch.arange(len(frequent))).double()
    block = block - block.mean(0)
    length = block.square().sum(1).mean().sqrt()
    return block / length if float(length) > 0 else block[:, :0]


def _marked(tokens: Any) -> numpy.ndarray:
    """(m,) words: tokens as they are, and those at the ends by their place."""
    plain = numpy.asarray([] if tokens is None else tokens).reshape(-1).astype(numpy.int64).view(numpy.uint64)
    begin, end = plain[:ENDS], plain[-ENDS:]
    return numpy.concatenate([plain, mixed(begin + PLACES[: len(begin)]), mixed(end + PLACES[ENDS : ENDS + len(end)])])


def _grams(texts: list[str]) -> list[numpy.ndarray]:
    """(m,) words of each text: whole ones, and runs of three octets."""
    known: dict[str, int] = {}
    found = []
    for text in texts:
        text = text.lower()
        whole = [known.setdefault(word, zlib.crc32(word.encode("utf-8", "replace"))) for word in text.split()[:WORDS]]
        octets = numpy.frombuffer(text[:LETTERS].encode("utf-8", "replace"), numpy.uint8).astype(numpy.uint64)
        runs = octets[:-2] | octets[1:-1] << numpy.uint64(8) | octets[2:] << numpy.uint64(16) | LETTERED
        found.append(numpy.concatenate([numpy.array(whole, numpy.uint64), runs]))
    return found


def _words(bags: list[numpy.ndarray]) -> Tensor:
    """Hashed counts under a root, the rarer the heavier, every row of one length."""
    buckets = mixed(numpy.concatenate(bags) + GOLDEN) % numpy.uint64(BUCKETS)
    rows = numpy.repeat(numpy.arange(len(bags)), [len(bag) for bag in bags])
    counts = numpy.bincount(rows * BUCKETS + buckets.astype(numpy.int64), minlength=len(bags) * BUCKETS)
    block = torch.from_numpy(counts.reshape(len(bags), BUCKETS)).double()
    rare = torch.log((1 + len(bags)) / (1 + (block > 0).sum(0)).double())
    block = block.sqrt() * rare
    return _scaled(block / block.norm(dim=1, keepdim=True).clamp(min=1e-12))


def _sketched(values: Tensor) -> Tensor:
    width = values.shape[1]
    if width <= WIDEST:
        return values
    generator = torch.Generator().manual_seed(0)
    bucket = torch.randint(0, WIDEST, (width,), generator=generator)
    sign = torch.randint(0, 2, (width,), generator=generator).double() * 2 - 1
    return torch.zeros(len(values), WIDEST, dtype=values.dtype).index_add_(1, bucket, values * sign)
