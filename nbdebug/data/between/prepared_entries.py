"""Texts and tokens prepared differently: a vocabulary that is shifted, another padding, the other side, capitals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy

from nbdebug.data.between.found import Preparation
from nbdebug.data.between.ks import variation
from nbdebug.data.split import FieldData

OFFSETS = (-4, -3, -2, -1, 1, 2, 3, 4)
CLEAR = 0.3  # total variation of the frequencies without the rule
NUMBERED = 10  # tokens from which an order is no accident
HALVES = 1.5  # times what two halves of train differ by, at most, with it
SLACK = 0.02
UNKNOWN, KNOWN = 0.15, 0.1  # share of one token in val from which it is what unknown words become, and of that in train at most; our choice
PADDED = 0.03  # share of all tokens that are padding, in both
MOST = 500  # entries
COMING, OFTEN = "in the order in which they first occur", "by how often they occur"
DRAWS, IN_ORDER = 20, 0.95  # of val, and the share of steps downwards of such a draw that would be an order; our choice
FEWEST = 24


def prepared_entries(train: FieldData, val: FieldData) -> list[Preparation]:
    """The first rule that explains how the frequencies differ; empty where there is none."""
    if not isinstance(train.sample, list) or not isinstance(val.sample, list) or min(len(train.sample), len(val.sample)) < FEWEST:
        return []
    if train.kind == "tokens":
        return _tokens(train, val)
    return _letters(train, val) if train.kind == "text" else []


def _tokens(train: FieldData, val: FieldData) -> list[Preparation]:
    theirs, ours = ([numpy.asarray(e).reshape(-1) for e in f.sample[:MOST] if e is not None and len(e)] for f in (train, val))
    if min(len(theirs), len(ours)) < FEWEST:
        return []
    bound = _halves([Counter(entry.tolist()) for entry in theirs], len(ours))
    counts, wanted = (Counter(numpy.concatenate(entries).tolist()) for entries in (theirs, ours))
    before = _apart(counts, wanted)
    padding = _padding(train, val)
    if padding is not None and padding[0][1] != padding[1][1]:
        (a, left), (b, right) = padding
        return [Preparation(train.name, (), f"train is padded on the {left} (token {a}), val on the {right} (token {b})", None, None, None, True)]
    if padding is not None and padding[0][0] != padding[1][0]:
        a, b = padding[0][0], padding[1][0]
        renamed = Counter({(b if token == a else token): n for token, n in counts.items() if token != b})
        after = _apart(renamed, wanted)
        if before > max(2 * bound, 0.1) and after <= bound:
            return [Preparation(train.name, (), f"train is padded with token {a}, val with token {b}", before, after, bound, True)]
    if (how := _own_numbering(val)) is not None and (before > 1.5 * bound or how == _own_numbering(train) and not _comes_so(how, counts, val)):
        said = f"the tokens of val are numbered {how} in val itself: its vocabulary was made anew, and a number means another token than in train"
        return [Preparation(train.name, (), said, None, None, None, True)]
    if before < max(CLEAR, 2 * bound):
        return []
    if (unknown := _unknown(counts, wanted)) is not None and unknown[0] != getattr(val.facts, "padding", None):  # of which there is less where batches hold one length
        token, had, has = unknown
        said = f"token {token} is {has:.0%} of val and {had:.1%} of train: words that train knows are unknown in val, as when capitals, a tokenizer or a vocabulary differ"
        return [Preparation(train.name, (), said, None, None, None, True)]
    for offset in OFFSETS:
        after = _apart(Counter({token + offset: n for token, n in counts.items()}), wanted)
        if after <= bound:
            return [Preparation(train.name, (), f"every token of val is that of train {'+' if offset > 0 else '-'} {abs(offset)}", before, after, bound, True)]
    return []


def _unknown(counts: Counter, wanted: Counter) -> tuple[int, float, float] | None:
    """One token that val is full of and train is not, with its share in train and in val, where all others of val are known."""
    of, all_of = counts.total(), wanted.total()
    token = max(wanted, key=lambda one: wanted[one] / all_of - counts[one] / of)
    had, has = counts[token] / of, wanted[token] / all_of
    return (int(token), had, has) if has >= UNKNOWN and had <= KNOWN * has and all(one in counts for one in wanted if one != token) else None


def _own_numbering(field: FieldData) -> str | None:
    """Whether the numbers follow, without an exception, the order in which tokens first occur in this very split, or how often they do."""
    padding = getattr(field.facts, "padding", None)
    tokens = numpy.concatenate([numpy.asarray(entry).reshape(-1) for entry in field.sample if entry is not None])
    tokens = tokens[tokens != padding] if padding is not None else tokens
    different, first, counts = numpy.unique(tokens, return_index=True, return_counts=True)
    if len(different) < NUMBERED:
        return None
    places = first[1:] if first[0] < first[1:].min() else first  # what begins every text, such as [CLS]
    if bool((numpy.diff(first) > 0).all()) or bool((numpy.diff(places) > 0).all()):
        return COMING
    often = counts[1:] if counts[0] == counts.max() else counts
    falls = numpy.diff(often)
    if bool((falls <= 0).all()) and (falls < 0).sum() >= NUMBERED:
        return OFTEN
    return None


def _comes_so(how: str, counts: Counter, val: FieldData) -> bool:
    """Whether val might be numbered so by train's vocabulary as well: its rows in another order, or drawn with the frequencies of train, keep that order."""
    random = numpy.random.default_rng(0)
    if how == COMING:
        return any(_own_numbering(replace(val, sample=[val.sample[i] for i in random.permutation(len(val.sample))])) == COMING for _ in range(DRAWS))
    known = numpy.unique(numpy.concatenate([numpy.asarray(entry).reshape(-1) for entry in val.sample if entry is not None]))
    shares = numpy.array([float(counts[int(token)]) for token in known])
    total = sum(len(entry) for entry in val.sample if entry is not None)
    drawn = (random.multinomial(total, shares / max(1.0, shares.sum())) for _ in range(DRAWS))
    return any((numpy.diff(numpy.delete(one, one.argmax())) <= 0).mean() >= IN_ORDER for one in drawn)


def _padding(train: FieldData, val: FieldData) -> tuple[tuple[int, str], tuple[int, str]] | None:
    """(token, side) of both, where both are padded to a good part."""
    found = []
    for field in (train, val):
        facts = field.facts
        padding, side = getattr(facts, "padding", None), getattr(facts, "side", "")
        if padding is None or not side or facts.padded < PADDED * facts.tokens:
            return None
        found.append((padding, side))
    return found[0], found[1]


def _letters(train: FieldData, val: FieldData) -> list[Preparation]:
    theirs, ours = ([Counter(text[:500]) for text in f.sample[:MOST] if isinstance(text, str) and text] for f in (train, val))
    if min(len(theirs), len(ours)) < FEWEST:
        return []
    bound = _halves(theirs, len(ours))
    counts, wanted = sum(theirs, Counter()), sum(ours, Counter())
    capitals, others = (sum(n for c, n in count.items() if c.isupper()) / max(1, sum(n for c, n in count.items() if c.isalpha())) for count in (counts, wanted))
    before = _apart(counts, wanted)
    if min(capitals, others) > 0 or max(capitals, others) < 0.01:
        return []
    small = _apart(_lowered(counts), _lowered(wanted))
    if before <= small or small > bound:
        return []
    said = "train is in small letters, val is not" if capitals == 0 else "val is in small letters, train is not"
    return [Preparation(train.name, (), said, before, small, bound, True)]


def _lowered(counts: Counter) -> Counter:
    lowered: Counter = Counter()
    for letter, n in counts.items():
        lowered[letter.lower()] += n
    return lowered


def _apart(a: Counter, b: Counter) -> float:
    names = list(dict.fromkeys([*a, *b]))
    return variation(*(numpy.array([float(c.get(name, 0)) for name in names]) for c in (a, b)))


def _halves(entries: list[Counter], other: int) -> float:
    """What random parts of train, one of them as large as val, differ by; the largest of five."""
    random, far = numpy.random.default_rng(0), []
    part = max(1, min(other, len(entries) // 2))
    for _ in range(5):
        order = random.permutation(len(entries))
        a, b = Counter(), Counter()
        for place, row in enumerate(order):
            (a if place < part else b).update(entries[row])
        far.append(_apart(a, b))
    return HALVES * max(far) + SLACK
