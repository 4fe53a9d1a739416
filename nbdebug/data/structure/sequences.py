"""Sequences, texts and recordings that hold nothing, or what nobody wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy

from nbdebug.data.gathering.sequences import SequenceFacts
from nbdebug.data.gathering.series import SeriesFacts
from nbdebug.data.split import FieldData, Split
from nbdebug.data.structure.odd import Odd, odd, targets_of

LATIN = "ÂÃâ"  # what the first bytes of UTF-8 look like in Latin-1 and Windows-1252
MISREAD = re.compile(f"[{LATIN}][^\\x00-\\x7f]{{1,2}}")
REPLACEMENT = "\ufffd"


def odd_sequences(split: Split, field: FieldData) -> Iterator[Odd]:
    """Sequences without a token."""
    facts: SequenceFacts = field.facts
    count, ids = facts.empty
    total = sum(facts.lengths.values())
    if count:
        what = f"{count:,} of {total:,} sequences hold nothing" + (f" but padding ({facts.padding})" if facts.padding is not None else "")
        yield odd("empty", split, field, what, count, total, ids, labels=targets_of(split, ids))


def odd_texts(split: Split, field: FieldData) -> Iterator[Odd]:
    """Empty ones, and letters that a wrong encoding left behind, among the sampled texts."""
    texts = [text if isinstance(text, str) else "" for text in field.sample]
    marks = {
        "empty": [not text.strip() for text in texts],
        "replaced": [REPLACEMENT in text for text in texts],
        "misread": [misread(text) != "" for text in texts],
    }
    for kind, which in marks.items():
        count = sum(which)
        if count:
            ids = split.ids[numpy.flatnonzero(which)]
            what = f"{count:,} of {len(texts):,} texts {_said(kind, texts, which)}"
            yield odd(kind, split, field, what, count, len(texts), ids, labels=targets_of(split, ids))


def _said(kind: str, texts: list[str], which: list[bool]) -> str:
    example = texts[which.index(True)]
    if kind == "empty":
        return "are empty"
    if kind == "replaced":
        at = example.index(REPLACEMENT)
        return f"hold the replacement character U+FFFD, such as {example[max(0, at - 12) : at + 12]!r}"
    wrong = misread(example)
    return f"hold {wrong!r}, which is UTF-8 read as Latin-1: {repaired(wrong)!r} was meant"


def misread(text: str) -> str:
    """The first letters that are UTF-8 when they are put back into bytes, "" without any."""
    return next((found[0] for found in MISREAD.finditer(text) if repaired(found[0])), "") if any(c in text for c in LATIN) else ""


def repaired(letters: str) -> str:
    """What these letters were before they were read in the wrong encoding; "" where they are no UTF-8."""
    for encoding in ("cp1252", "latin-1"):
        for length in (len(letters), len(letters) - 1):
            try:
                meant = letters[:length].encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
            if len(meant) == 1:
                return meant
    return ""


def odd_series(split: Split, field: FieldData) -> Iterator[Odd]:
    """Silent, constant and clipped ones, and what is not about zero."""
    facts: SeriesFacts = field.facts
    said = {
        "silent": "are 0 throughout", "constant": "hold one value throughout",
        "clipped": "are clipped: they stand at their largest or smallest value for more than 1 % of the time",
        "offset": "have a mean larger than their spread (a constant offset)",
    }  # fmt: skip
    for kind, words in said.items():
        count, ids = getattr(facts, kind)
        if count:
            named = kind if field.kind == "audio" else f"{kind} series"  # where nothing happens in a series, that is often how it is
            yield odd(named, split, field, f"{count:,} of {facts.series:,} {_noun(field)} {words}", count, facts.series, ids, labels=targets_of(split, ids))


def _noun(field: FieldData) -> str:
    return "recordings" if field.kind == "audio" else "series"
