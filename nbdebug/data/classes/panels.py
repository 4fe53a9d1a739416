"""The labels as panels: balance of train beside val and batch by batch, quantities, confusions, suspects."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbdebug.data.classes.balance import CLASSES, Balance
from nbdebug.data.classes.by_model import ByModel
from nbdebug.data.classes.classes import ClassLook
from nbdebug.data.classes.noise import Noise
from nbdebug.data.classes.quantities import MaskShare, Quantity
from nbdebug.page import Heatmap, Histogram, Note, Panel, Table

BARS = 60  # classes of a histogram
LISTED = 30  # classes of a table; of more, the most and the least frequent


def panels(look: ClassLook) -> tuple[Panel, ...]:
    """All that there is to see."""
    found: list[Panel] = []
    if look.balances:
        found.append(_balance(look.balances))
        found += _by_batch(look.balances[0])
    if look.quantities:
        found += _quantities(look.quantities)
    found += [_mask(one) for one in look.masks]
    if look.noise is not None and look.noise.candidates:
        found.append(_candidates(look.noise))
    for seen in look.by_model:
        found += _by_model(seen)
    return tuple(found)


def _balance(balances: tuple[Balance, ...]) -> Panel:
    first = balances[0]
    names = [name for name, _ in first.counts]
    names += [name for balance in balances[1:] for name, _ in balance.counts if name not in names]
    caption = "; ".join(_extent(balance) for balance in balances)
    if (numbers := _numbers(names)) is not None:
        edges = tuple(number - 0.5 for number in range(numbers[0], numbers[-1] + 2))
        of = {b.split: tuple(dict(b.counts).get(str(n), 0) for n in range(numbers[0], numbers[-1] + 1)) for b in balances}
        return Histogram(f"class balance, {first.field}", edges, of, "tag" if first.kind == "tags" else "label", caption=caption)
    if len(names) > LISTED:
        names = names[: LISTED // 2] + names[-LISTED // 2 :]
        caption += f"; the most and the least frequent {LISTED // 2} of train are listed"
    heads = ["tag" if first.kind == "tags" else "class"]
    for balance in balances:
        heads += [balance.split, f"{balance.split} %"]
    of = [dict(balance.counts) for balance in balances]
    rows = []
    for name in names:
        row: list[str | int | float] = [name]
        for counts, balance in zip(of, balances, strict=True):
            row += [counts.get(name, 0), round(100 * counts.get(name, 0) / max(1, balance.samples - balance.missing), 2)]
        rows.append(tuple(row))
    return Table(f"class balance, {first.field}", tuple(heads), tuple(rows), caption)


def _numbers(names: list[str]) -> list[int] | None:
    """The classes as rising whole numbers, where all are and few lie between them."""
    if not names or not all(re.fullmatch(r"-?\d{1,9}", name) for name in names):
        return None
    numbers = sorted(map(int, names))
    return numbers if numbers[-1] - numbers[0] < BARS else None


def _extent(balance: Balance) -> str:
    what = ("tag" if balance.kind == "tags" else "class") if balance.classes == 1 else "tags" if balance.kind == "tags" else "classes"
    missing = f", {balance.missing:,} of them without a label" if balance.missing else ""
    read = "" if balance.whole else " (not all of it was read)"
    return f"{balance.split}: {balance.samples:,} samples of {balance.classes:,} {what}{missing}{read}"


def _by_batch(balance: Balance) -> Iterator[Panel]:
    order = balance.order
    if not balance.batches or len(balance.batches) < 2 or order is None:
        return
    names = tuple(name for name, _ in balance.counts[:CLASSES])
    names = tuple(name if names.index(name) == i else f"{name} ({i})" for i, name in enumerate(names))  # rows of one name would merge
    caption = (
        f"samples of each class in the first batches, in the order of delivery; two samples of a batch share their label in "
        f"{order.delivered:.0%}, in random order it would be {order.random:.0%}, sorted by label {order.sorted:.0%}"
    )
    batches = tuple(f"batch {i}" for i in range(len(balance.batches)))
    places = sorted(range(len(names)), key=lambda i: _as_sorted(names[i]))
    names = tuple(names[i] for i in places)
    values = tuple(tuple(float(batch[i]) for i in places) for batch in balance.batches)
    yield Heatmap(f"classes by batch, {balance.split}", batches, names, values, "class", "", "samples", caption)


def _as_sorted(name: str) -> tuple[float, str]:
    """Numbers by their size, then words."""
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def _quantities(found: tuple[Quantity, ...]) -> Iterator[Panel]:
    said = [f"{one.split}: mean {one.mean:.4g}, std {one.std:.4g}, from {one.low:.4g} to {one.high:.4g}" for one in found]
    said += [f"{one.spike_share:.0%} of {one.split} are exactly {one.spike:.6g}" for one in found if one.spike is not None]
    said += [f"{one.heaped_share:.0%} of {one.split} are multiples of {one.heaped}" for one in found if one.heaped is not None]
    counts = {one.split: one.counts for one in found}
    yield Histogram(f"values of {found[0].field}", found[0].edges, counts, "value", caption="; ".join(said))


def _mask(one: MaskShare) -> Panel:
    held = dict(one.in_masks)
    rows = tuple((name, round(100 * share, 2), round(100 * held[name], 1)) for name, share in one.shares)
    return Table(f"classes of {one.field}, {one.split}", ("class", "pixels %", "masks %"), rows, f"over {one.masks:,} masks")


def _candidates(noise: Noise) -> Panel:
    rows = tuple((one.id, one.label, one.neighbours, f"{one.votes} of {one.asked}") for one in noise.candidates)
    caption = f"{noise.found:,} of {noise.samples:,} samples asked; near the border of two classes a right label may be contradicted too"
    heads = ("sample", "label", "neighbours' label", "neighbours")
    return Table(f"labels that their neighbours contradict, {noise.split}", heads, rows, caption)


def _by_model(seen: ByModel) -> Iterator[Panel]:
    text = f"In eval mode it gets {seen.right:.0%} of {seen.samples:,} samples of {seen.split} right; by chance {seen.by_chance:.0%}."
    if seen.at_chance:
        yield Note(f"the model as it stands, {seen.split}", f"{text} It is at chance, so its largest losses say nothing about labels.")
        return
    yield Note(f"the model as it stands, {seen.split}", f"{text} The mean loss is {seen.loss:.3g}.")
    if seen.confusion:
        names = tuple(str(i) for i in range(seen.classes))
        values = tuple(tuple(float(n) for n in row) for row in seen.confusion)
        yield Heatmap(f"confusion, {seen.split}", names, names, values, "prediction", "label", "samples", log=True)
    elif seen.confused:
        yield Table(f"most confused, {seen.split}", ("label", "prediction", "samples"), seen.confused)
    if seen.top:
        heads = ("sample", "label", "prediction", "its probability", "the label's", "loss")
        rows = tuple(
            (one.id, one.label, one.predicted, round(one.probability, 4), round(one.of_label, 6), round(one.loss, 3)) for one in seen.top
        )
        yield Table(f"largest losses, {seen.split}", heads, rows, "a wrong label is often among them, a hard sample as well")
