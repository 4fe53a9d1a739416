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
MANY, SAME_WORDS = 8, 0.9  # classes, nearly all of which are tokens of the inputs: then the next token is the target; our choice
REPLACEMENT = "\ufffd"


def odd_sequences(split: Split, field: FieldData) -> Iterator[Odd]:
    """Sequences without a token."""
    facts: SequenceFacts = field.facts
    count, ids = facts.empty
    total = sum(facts.lengths.values())
    if count:
        what = f"{count:,} of {total:,} sequences hold nothing" + (f" but padding ({facts.padding})" if facts.padding is not None else "")
        kind = "context" if is_context(split, field) else "empty"
        yield odd(kind, split, field, what, count, total, ids, labels=targets_of(split, ids))


def is_context(split: Split, field: FieldData) -> bool:
    """Whether what fills these sequences says that nothing came before: the first context of a text, the history of a new customer.

    It does in windows of one length that are filled from the left; where there are windows of every length from none to all; and
    where the filling is itself among the targets, which are tokens as well.
    """
    facts: SequenceFacts = field.facts
    if facts.padding is None or not facts.empty[0] or len(field.shapes) != 1:
        return False
    width = max(max(facts.lengths, default=0), next(iter(field.shapes))[-1] if next(iter(field.shapes)) else 0)
    ramp = width > 1 and all(facts.lengths.get(level, 0) for level in range(width + 1))
    return facts.side == "left" or ramp or _among_targets(split, facts)


def _among_targets(split: Split, facts: SequenceFacts) -> bool:
    target = split.target()
    if target is None or not isinstance(target.sample, numpy.ndarray) or target.sample.dtype.kind not in "iuf" or target.kind != "classes":
        return False
    names = [_whole(name) for name in getattr(target.facts, "names", ())]
    return facts.padding in names and len(names) >= MANY and sum(name in facts.counts for name in names) >= SAME_WORDS * len(names)


def _whole(name: object) -> int | None:
    try:
        return int(name)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return None


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
