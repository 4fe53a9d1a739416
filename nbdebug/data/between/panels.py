"""The look as panels."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.between.between import BetweenLook
from nbdebug.page import Histogram, Panel, Table

SHOWN = 8  # pairs, columns
DRAWN = 3  # histograms


def panels(look: BetweenLook) -> tuple[Panel, ...]:
    """What both have, how far columns differ, the worst of them side by side, class shares."""
    return tuple(_all(look))


def _all(look: BetweenLook) -> Iterator[Panel]:
    if look.overlaps:
        yield _overlap(look)
        yield _pairs(look)
    if look.preparations:
        rows = tuple((p.field, ", ".join(p.places) or "all", p.rule, p.before, p.after, p.bound) for p in look.preparations[:SHOWN])
        heads = ("field", "columns", "rule", "distance without it", "with it", "halves of train")
        yield Table(f"prepared differently, {look.train} and {look.val}", heads, rows)
    if look.drifts or look.embeddings:
        yield _drifts(look)
    for drift in [d for d in look.drifts if d.edges][:DRAWN]:
        caption = f"KS distance {drift.distance:.2f}; random parts of {look.train} stay below {drift.null:.2f}"
        yield Histogram(
            f"{drift.field}: {drift.column}", drift.edges, {look.train: drift.train_counts, look.val: drift.val_counts}, drift.column, caption=caption
        )
    shift = look.class_shift
    if shift is not None:
        rows = tuple((name, round(100 * a, 1), round(100 * b, 1)) for name, a, b in zip(shift.names, shift.train, shift.val, strict=True))
        caption = f"total variation {shift.variation:.2f}; random splits stay below {shift.null:.2f}"
        yield Table(f"class shares, {shift.field}", ("class", f"% of {look.train}", f"% of {look.val}"), rows, caption)


def _overlap(look: BetweenLook) -> Table:
    rows = tuple(
        (f"{o.how}{', estimated' if o.estimated else ''}", o.count, o.compared, round(100 * o.share, 2), round(o.expected, 1), o.other_label)
        for o in look.overlaps
    )
    heads = ("copies", f"of {look.val}", "compared", "%", "expected by chance", "with another label")
    return Table(f"samples of {look.val} that are in {look.train}", heads, rows)


def _pairs(look: BetweenLook) -> Table:
    rows = tuple((o.how, pair.train, pair.val, round(pair.likeness, 4), o.measure) for o in look.overlaps for pair in o.pairs[:SHOWN])
    return Table("pairs", ("copies", f"{look.train} {look.words[0]}", f"{look.val} {look.words[1]}", "likeness", "measured by"), rows)


def _drifts(look: BetweenLook) -> Table:
    rows = [(d.field, d.column, d.distance, d.null, d.effect, d.shift, d.why_legal) for d in look.drifts[: 2 * SHOWN]]
    rows += [(e.field, f"{e.what} (AUC of the MMD witness)", e.auc, e.null_auc, max(0.0, e.auc - e.null_auc), e.sigmas, e.why_legal) for e in look.embeddings]
    heads = ("field", "column", "distance", "chance", "effect", "shift / std", "less than an alarm because")
    caption = "distance: Kolmogorov-Smirnov, of categories total variation; chance: what one of 1000 random splits exceeds"
    return Table(f"drift from {look.train} to {look.val}", heads, tuple(rows), caption)
