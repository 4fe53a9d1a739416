"""How the labels lie: balance, order, agreement with their neighbours, and what the model makes of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import Any

from nbdebug.data.classes.alignment import Alignment, alignment
from nbdebug.data.classes.balance import Balance, balance
from nbdebug.data.classes.by_model import ByModel, by_model
from nbdebug.data.classes.collated import Collated, collated
from nbdebug.data.classes.names import Numbered, Twins, Unshared, numbered, twins, unshared, without
from nbdebug.data.classes.noise import Noise, noise
from nbdebug.data.classes.quantities import MaskShare, Quantity, mask_share, quantity
from nbdebug.data.classes.target import Target, target_of
from nbdebug.data.context import Context, Flag, both
from nbdebug.data.labels import IGNORED
from nbdebug.data.split import Split
from nbdebug.page import Panel

SECONDS = 0.5  # that must be left for a look at neighbours
NO_TIME = "there was no time left for it"


@dataclass(frozen=True)
class ClassLook:
    """How the labels lie. Splits are train, then val; what does not apply is empty."""

    kind: str = ""  # of train's targets: "classes", "tags", "quantity", "mask", "other"; "" when there are none
    alone: bool = False  # there is no model
    ordered: bool = False  # the order of train is that of a loader of the user's
    balances: tuple[Balance, ...] = ()
    twins: tuple[Twins, ...] = ()
    numbered: tuple[Numbered, ...] = ()
    unshared: tuple[Unshared, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    masks: tuple[MaskShare, ...] = ()
    alignment: Alignment | None = None
    collated: tuple[Collated, ...] = ()
    noise: Noise | None = None
    by_model: tuple[ByModel, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)  # "alignment", "noise", "by_model" → why it was not asked

    def panels(self) -> tuple[Panel, ...]:
        """What is drawn."""
        from nbdebug.data.classes.panels import panels

        return panels(self)

    def flagged(self) -> tuple[Flag, ...]:
        """Labels that neighbours or the model contradict."""
        found = []
        if self.noise is not None:
            found += [Flag(self.noise.split, (one.id,), f"neighbours say {one.neighbours}") for one in self.noise.candidates]
        for seen in self.by_model:
            found += [Flag(seen.split, (one.id,), f"the model says {one.predicted}") for one in seen.top if one.id is not None]
        return tuple(found)


def classes(train: Split, val: Split | None, context: Context) -> ClassLook:
    """How the labels lie: balance, order, agreement with their neighbours, and what the model makes of them."""
    targets = (target_of(train), target_of(val))
    if targets[0] is None and (pairs := _pairs(train, val, context)) is not None:
        return pairs
    if targets[0] is None:
        nothing = "no target is known: say target=…" if context.setup is None else "the batches have no targets"
        return ClassLook(alone=context.setup is None, left_out=dict.fromkeys(("alignment", "noise", "by_model"), nothing))
    known = [(split, target) for split, target in zip(both(train, val), targets, strict=False) if target is not None]
    look = ClassLook(
        targets[0].kind, context.setup is None, train.ordered,
        tuple(found for split, target in known if (found := balance(split, target)) is not None),
        tuple(found for split, target in known for found in twins(split, target)),
        tuple(found for split, target in known if (found := numbered(split, target)) is not None),
        _unshared(known, context), _quantities(known),
        tuple(found for split, target in known if (found := mask_share(split, target)) is not None),
    )  # fmt: skip
    return _asked(look, train, val, targets, context)


def _asked(look: ClassLook, train: Split, val: Split | None, targets: tuple[Target | None, Target | None], context: Context) -> ClassLook:
    """With what takes longer, while there is time."""
    briefly, left_out = not context.whole, {}
    aligned = alignment(train, val, targets, briefly=briefly) if context.left > SECONDS else None
    found, left_out["noise"] = noise(train, targets[0], briefly=briefly) if context.left > SECONDS else (None, NO_TIME)
    seen = [by_model(split, context) if context.left > SECONDS else (None, NO_TIME) for split in both(train, val)]
    exchanged = (_put_together(split, loader, context) for split, loader in zip(both(train, val), context.loaders, strict=False))
    left_out |= {"by_model": seen[0][1], "alignment": "" if aligned is not None else NO_TIME}
    return replace(
        look, alignment=aligned, collated=tuple(one for one in exchanged if one is not None), noise=found, by_model=tuple(one for one, _ in seen if one is not None),
        left_out={name: reason for name, reason in left_out.items() if reason},
    )  # fmt: skip


def _pairs(train: Split, val: Split | None, context: Context) -> ClassLook | None:
    """Of two inputs without a target, as a picture and its caption, whether they go together; None where there are no two."""
    found = alignment(train, val, (None, None), briefly=not context.whole) if context.left > SECONDS else None
    if found is None or found.kind != "several":
        return None
    return ClassLook(alone=context.setup is None, ordered=train.ordered, alignment=found, left_out=dict.fromkeys(("noise", "by_model"), "there is no target"))


def _put_together(split: Split, loader: Any, context: Context) -> Collated | None:
    """None also where the function raises at these samples: what a loader cannot read is told elsewhere."""
    with contextlib.suppress(Exception):
        return collated(split, loader, context.setup.model if context.setup is not None else None) if context.left > SECONDS else None
    return None


def _unshared(known: list[tuple[Split, Target]], context: Context) -> tuple[Unshared, ...]:
    if len(known) < 2:
        return ()
    (one, mine), (other, theirs) = ((split, without(target, _marks(target, context))) for split, target in known)
    pairs = ((other, one, theirs, mine), (one, other, mine, theirs))  # first what only val has
    return tuple(found for pair in pairs if (found := unshared(*pair)) is not None)


def _marks(target: Target, context: Context) -> set[Any]:
    """Labels that stand for none: what the loss leaves out, and the usual marks beside classes."""
    usual = set(IGNORED if context.setup is not None else IGNORED[1:])  # without a model, -1 may be the name of a class
    return set(context.ignored) | (usual if len(set(target.names) - usual) > 1 else set())


def _quantities(known: list[tuple[Split, Target]]) -> tuple[Quantity, ...]:
    found: list[Quantity] = []
    for split, target in known:
        one = quantity(split, target, found[0].edges if found else None)
        found += [one] if one is not None else []
    return tuple(found)
