"""The samples of some steps → a record for each row, on the host, with a handful of calls for all rows together."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from torch import Tensor

from nbdebug.instruments.watch.numbers.magnitudes import COLUMNS, FIRST, LAST
from nbdebug.instruments.watch.numbers.together import Samples
from nbdebug.instruments.watch.numbers.values import host_array

RECORD = np.dtype([
    ("step", "u4"), ("looked_at", "u4"), ("rms", "f4"), ("mean", "f4"), ("std", "f4"), ("low", "f4"), ("high", "f4"),
    ("nan", "u4"), ("positive_inf", "u4"), ("negative_inf", "u4"), ("counts", "u2", (COLUMNS,)),
])  # fmt: skip
BLOCK = 3 * 2**14  # samples reduced at once: what is made of more no longer fits the cache, and costs up to eight times as much
FIELDS = 257  # one for zeros, then the 256 values that the exponent field can have


@dataclass
class Taken:
    """What was taken of one sampled step, on the host."""

    step: int
    rows: tuple[int, ...]  # of each piece; those of one row follow each other
    lengths: tuple[int, ...]  # of each piece
    samples: np.ndarray  # the pieces laid end to end
    nonfinite: dict[int, list[int]]  # row → NaN, +Inf, −Inf
    scales: dict[int, float]  # row → by what its sample is to be divided


def taken(
    step: int, pieces: list[tuple[int, Tensor]], updates: list[tuple[int, Tensor, Tensor]], together: list[Samples],
    nonfinite: dict[int, list[int]], scales: dict[int, float],
) -> Taken:  # fmt: skip
    """Fetches the samples of a step in one transfer. An update is what the samples after and before a step differ by."""
    pieces = sorted(pieces, key=itemgetter(0)) + [(row, after) for row, after, _ in updates]
    now = [piece for _, piece in pieces]
    rows, lengths, parts = [row for row, _ in pieces], [piece.numel() for piece in now], []
    if now:
        samples = host_array([*now, *(before for *_, before in updates)])
        number, changed = sum(lengths), sum(lengths[len(lengths) - len(updates) :])
        with np.errstate(invalid="ignore"):  # Inf less Inf
            samples[number - changed : number] -= samples[number:]
        parts.append(samples[:number])
    for several in together:
        rows.extend(several.rows)
        lengths.extend(several.lengths)
        parts.append(several.values)
    samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if together and len(set(rows)) < len(rows):
        rows, lengths, samples = _side_by_side(rows, lengths, samples)
    return Taken(step, tuple(rows), tuple(lengths), samples, nonfinite, scales)


def _side_by_side(rows: list[int], lengths: list[int], samples: np.ndarray) -> tuple[list[int], list[int], np.ndarray]:
    """The same, with the pieces of one row after each other."""
    pieces = np.split(samples, np.cumsum(lengths)[:-1])
    order = sorted(range(len(rows)), key=rows.__getitem__)
    return [rows[at] for at in order], [lengths[at] for at in order], np.concatenate([pieces[at] for at in order])


@dataclass(frozen=True)
class Block:
    """Some rows, and where in one long array of samples theirs lie; the same from time to time."""

    span: slice  # of the samples
    steps: np.ndarray  # (R,) which of the steps
    rows: np.ndarray  # (R,)
    lengths: np.ndarray  # (R,)
    starts: np.ndarray  # (R,) in the block
    columns: np.ndarray  # (N,) for each sample the first column of its row, plus one


def reduced(steps: list[Taken]) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """For each step its rows, and a record for each. A few steps at once cost little more than one."""
    samples = np.concatenate([step.samples for step in steps])
    found: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in steps]
    for block in blocks(tuple(step.rows for step in steps), tuple(step.lengths for step in steps)):
        mine = samples[block.span]
        for at in range(block.steps[0], block.steps[-1] + 1):
            if steps[at].scales:
                _unscale(mine, block, at, steps[at].scales)
        made = records(mine, block)
        for at in range(block.steps[0], block.steps[-1] + 1):
            part = slice(*np.searchsorted(block.steps, (at, at + 1)))
            found[at].append((block.rows[part], made[part]))
    for step, parts in zip(steps, found, strict=True):
        rows, of_step = parts[0] if len(parts) == 1 else (np.concatenate(several) for several in zip(*parts, strict=True))
        if step.nonfinite:
            _write_nonfinite(of_step, rows, step.nonfinite)
        yield step.step, rows, of_step


def _unscale(samples: np.ndarray, where: Block, at: int, scales: dict[int, float]) -> None:
    """Gradients as they would be had the loss not been multiplied."""
    for segment in np.flatnonzero(where.steps == at):
        start = where.starts[segment]
        samples[start : start + where.lengths[segment]] /= scales.get(int(where.rows[segment]), 1.0)


def _write_nonfinite(found: np.ndarray, rows: np.ndarray, nonfinite: dict[int, list[int]]) -> None:
    for row, counts in nonfinite.items():
        for name, number in zip(("nan", "positive_inf", "negative_inf"), counts, strict=True):
            found[name][rows == row] = number


@functools.lru_cache(maxsize=2)
def blocks(rows: tuple[tuple[int, ...], ...], lengths: tuple[tuple[int, ...], ...]) -> list[Block]:
    """Of pieces laid end to end; those of one step and row follow each other, and count as one."""
    step, row = np.repeat(np.arange(len(rows)), [len(r) for r in rows]), np.concatenate(rows)
    begins = np.flatnonzero((np.diff(step, prepend=-1) != 0) | (np.diff(row, prepend=-1) != 0))
    together = np.add.reduceat(np.concatenate(lengths), begins)
    starts = np.cumsum(together) - together
    edges = [*np.flatnonzero(np.diff(starts // BLOCK, prepend=-1)), len(begins)]
    return [
        _block(step[begins[a:b]], row[begins[a:b]], together[a:b], starts[a:b])
        for a, b in zip(edges, edges[1:], strict=False)
    ]


def _block(steps: np.ndarray, rows: np.ndarray, lengths: np.ndarray, starts: np.ndarray) -> Block:
    columns = np.repeat(np.arange(len(rows)) * FIELDS + 1, lengths)
    return Block(slice(starts[0], starts[0] + lengths.sum()), steps, rows, lengths, starts - starts[0], columns)


def records(samples: np.ndarray, where: Block) -> np.ndarray:
    """One record a row; its step is left 0. Moments are over finite samples, NaN without any.

    In a record `sum(counts)` and the non-finite samples add up to `looked_at`.
    """
    out = np.zeros(len(where.rows), RECORD)
    out["looked_at"] = where.lengths
    fields = _fields(samples, where)
    _write_counts(out["counts"], fields)
    if fields[:, -1].any():
        _write_moments_of_finite(out, samples, where)
    else:
        _write_moments(out, samples, where)
    return out


def _fields(samples: np.ndarray, where: Block) -> np.ndarray:
    """How often each exponent field occurs in each row, zeros apart: much faster than a logarithm, and exact."""
    columns = (samples.view(np.int32) >> 23) & 255
    columns -= samples == 0
    flat = np.bincount(columns + where.columns, minlength=len(where.rows) * FIELDS)
    return flat.reshape(-1, FIELDS)  # (R, 257)


def _write_counts(counts: np.ndarray, fields: np.ndarray) -> None:
    counts[:, :2] = fields[:, :2]  # zeros, subnormals
    counts[:, 2] = fields[:, 2 : FIRST + 1].sum(1)
    counts[:, 3:-1] = fields[:, FIRST + 1 : LAST + 1]
    counts[:, -1] = fields[:, LAST + 1 : -1].sum(1)


def _write_moments(out: np.ndarray, samples: np.ndarray, where: Block) -> None:
    wide = samples.astype(np.float64)
    mean = np.add.reduceat(wide, where.starts) / where.lengths
    square = np.add.reduceat(wide * wide, where.starts) / where.lengths
    out["mean"] = mean
    out["rms"] = np.sqrt(square)
    out["std"] = np.sqrt(np.maximum(square - mean * mean, 0))
    out["low"] = np.minimum.reduceat(samples, where.starts)
    out["high"] = np.maximum.reduceat(samples, where.starts)


def _write_moments_of_finite(out: np.ndarray, samples: np.ndarray, where: Block) -> None:
    for record, start, length in zip(out, where.starts, where.lengths, strict=True):
        values = samples[start : start + length].astype(np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            moments = (np.sqrt(np.mean(values**2)), values.mean(), values.std(), values.min(), values.max())
        else:
            moments = (np.nan,) * 5
        record["rms"], record["mean"], record["std"], record["low"], record["high"] = moments
