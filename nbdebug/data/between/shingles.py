"""Near copies among texts and token sequences: most of their rarer runs of words are the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy

from nbdebug.data.split import FieldData

RUN = 3  # words or tokens of a shingle
MOST, MOST_OF_VAL = 3000, 1000  # entries
LONGEST = 400  # words of an entry
FREQUENT = 0.01  # of the entries (three at least): runs in more of them are boilerplate
FEWEST = 8  # rarer runs that an entry must have to be told apart
ALIKE = 0.7  # of the rarer runs of the shorter entry


def near_entries(train: FieldData, val: FieldData) -> dict[int, tuple[int, float]]:
    """Row of val → row of train, and the share of rarer runs that they have in common.

    Source of the method: Broder, On the resemblance and containment of documents (1997).
    """
    theirs = [_runs(entry) for entry in train.sample[:MOST]]
    ours = [_runs(entry) for entry in val.sample[:MOST_OF_VAL]]
    often = Counter(run for runs in theirs for run in runs)
    limit = max(3, FREQUENT * len(theirs))
    common = Counter(run for runs in ours for run in runs)
    holders: dict[int, list[int]] = {}
    for row, runs in enumerate(theirs):
        for run in runs:
            if often[run] <= limit:
                holders.setdefault(run, []).append(row)
    found = {}
    for row, runs in enumerate(ours):
        rare = {run for run in runs if often[run] <= limit and common[run] <= max(3, FREQUENT * len(ours))}
        if len(rare) < FEWEST:
            continue
        shared = Counter(other for run in rare for other in holders.get(run, ()))
        if shared:
            other, hits = shared.most_common(1)[0]
            likeness = hits / max(FEWEST, len(rare), sum(often[run] <= limit for run in theirs[other]))
            if likeness >= ALIKE:
                found[row] = (other, likeness)
    return found


def _runs(entry: Any) -> set[int]:
    if entry is None:
        return set()
    words = entry.lower().split()[:LONGEST] if isinstance(entry, str) else numpy.asarray(entry).reshape(-1)[:LONGEST].tolist()
    return {hash(tuple(words[i : i + RUN])) for i in range(len(words) - RUN + 1)}
