"""The embedding tables that fields go into: do all tokens have a row, and is the padding what the table thinks it is?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy
import torch

from nbdebug.data.chunk import Field, numbers
from nbdebug.data.gathering.sequences import SequenceFacts
from nbdebug.data.split import FieldData, Split
from nbdebug.data.structure.first_step import FirstStep, Lookup, same_numbers
from nbdebug.data.structure.odd import places
from nbdebug.data.structure.padding import ends
from nbdebug.findings import Location

LARGE_TABLE = 100  # rows, from which on one token for nearly everything is no choice
MOVES = 1e-6  # of the largest slope: less is rounding


@dataclass(frozen=True)
class Table:
    """A field of one split, and the table of an embedding that gets it."""

    split: str
    field: str
    rows: int
    location: Location
    lowest: int  # token delivered
    highest: int
    beyond: tuple[int, ...]  # ids of samples with tokens that have no row, of those known
    place: str  # the first of them in words
    padding: int | None  # the token that fills the ends
    padding_idx: int | None  # the row that the table keeps at zero
    padding_enters: bool | None  # the outputs depend on what the table gives for it; None: not asked
    common: int | None  # the most frequent token beside padding
    common_share: float  # of the tokens that are no padding

    @property
    def outside(self) -> bool:
        """Whether a token has no row."""
        return self.lowest < 0 or self.highest >= self.rows


def tables(splits: tuple[Split, ...], step: FirstStep) -> tuple[Table, ...]:
    """One for each field that goes into an embedding as it is, in every split."""
    found: dict[tuple[str, str], Table] = {}
    for lookup in step.lookups:
        for field, column in _delivered(step.fields, lookup):
            name = field.name if column is None else f"{field.name}[:, {column}]"
            for split in splits:
                data = split.named(field.name)
                if data is not None and (split.name, name) not in found:
                    table = _table(split, data, name, column, lookup)
                    if table is not None:
                        found[split.name, name] = table
    first = splits[0].name
    return tuple(_with_padding(table, step) if table.split == first else table for table in found.values())


def _delivered(fields: tuple[Field, ...], lookup: Lookup) -> Iterator[tuple[Field, int | None]]:
    """The field of the batch, or the column of one, that this lookup gets."""
    whole = [f for f in fields if isinstance(f.values, numpy.ndarray) and f.role == "input" and f.values.dtype.kind in "iuf"]
    for field in whole:
        if same_numbers(field.values, lookup.tokens):
            yield field, None
            return
    for field in whole:
        if field.values.ndim == 2 and len(field.values) == lookup.tokens.size:
            same = (field.values == lookup.tokens.reshape(-1, 1)).all(0)
            if same.any():
                yield field, int(same.argmax())
                return


def _table(split: Split, data: FieldData, name: str, column: int | None, lookup: Lookup) -> Table | None:
    facts = data.facts if isinstance(data.facts, SequenceFacts) else None
    if facts is not None and column is None:
        low, high = facts.lowest, facts.highest
        beyond = [number for token, number in facts.highest_in if token >= lookup.rows] + [number for token, number in facts.lowest_in if token < 0]
    elif facts is not None:
        if not len(facts.column_lows):
            return None
        low, high = int(facts.column_lows[column]), int(facts.column_highs[column])
        beyond = [int(split.ids[i]) for i, row in enumerate(data.sample) if column < len(row) and not 0 <= row[column] < lookup.rows]
    else:
        low, high = _extremes(data, column)
        if low is None:
            return None
        beyond = _rows_beyond(split, data, column, lookup.rows)
    padding = facts.padding if facts is not None and column is None else None
    common, share = _most_common(facts, padding) if facts is not None and column is None else (None, 0.0)
    ids = tuple(dict.fromkeys(beyond))
    return Table(
        split.name, name, lookup.rows, lookup.location, low, high, ids, places(split, ids, len(ids)), padding, lookup.padding_idx, None, common, share,
    )  # fmt: skip


def _extremes(data: FieldData, column: int | None) -> tuple[int, int] | tuple[None, None]:
    if data.columns is None:
        names = [n for n in getattr(data.facts, "names", ()) if isinstance(n, (int, float))]  # of a ClassFacts
        return (int(min(names)), int(max(names))) if names and column is None else (None, None)
    low, high = (data.columns.low.min(), data.columns.high.max()) if column is None else (data.columns.low[column], data.columns.high[column])
    return (int(low), int(high)) if numpy.isfinite(low + high) else (None, None)


def _rows_beyond(split: Split, data: FieldData, column: int | None, rows: int) -> list[int]:
    if not isinstance(data.sample, numpy.ndarray) or len(data.sample) != len(split.ids):
        return []
    if data.columns is None:  # classes: indices into their names
        values = numpy.array([float(name) if isinstance(name, (int, float)) else 0.0 for name in (*data.facts.names, 0)])[data.sample]
    else:
        values = data.sample if column is None else data.sample[:, column]
    values = values.reshape(len(values), -1)
    return split.ids[((values < 0) | (values >= rows)).any(1)].tolist()


def _most_common(facts: SequenceFacts, padding: int | None) -> tuple[int | None, float]:
    counts = {token: count for token, count in facts.counts.items() if token != padding}
    token = max(counts, key=lambda t: counts[t], default=None)
    return token, counts[token] / max(1, facts.tokens - facts.padded) if token is not None else 0.0


def _with_padding(table: Table, step: FirstStep) -> Table:
    """Asks whether the padding moves anything, where table and data disagree about it."""
    if table.padding is None or table.padding_idx is None or table.padding_idx < 0 or table.padding == table.padding_idx:
        return table
    values = next((f.values for f in step.fields if f.name == table.field), None)
    return table if values is None else replace(table, padding_enters=_enters(step, values, table.padding))


def _enters(step: FirstStep, tokens: numpy.ndarray, padding: int) -> bool | None:
    """Whether outputs depend on what the table gives for the padding; those at the padding itself do not count."""
    words = next((c.output for c in step.tape.calls if c.name == "embedding" and same_numbers(tokens, numbers(c.argument(0, "input")))), None)
    made = next(iter(step.outputs()), None)
    padded = torch.from_numpy(ends(tokens == padding, "right") | ends(tokens == padding, "left"))
    if words is None or made is None or not words.requires_grad or words.shape[:-1] != padded.shape or not padded.any() or padded.all():
        return None
    some = made[~padded] if made.shape[: padded.ndim] == padded.shape else made
    directions = torch.randn(some.shape, generator=torch.Generator().manual_seed(0)).to(some)  # a sum would not move behind a softmax
    (slope,) = torch.autograd.grad((some * directions).sum(), words, retain_graph=True, allow_unused=True)
    return slope is not None and float(slope[padded].abs().max()) > MOVES * float(slope.abs().max())
