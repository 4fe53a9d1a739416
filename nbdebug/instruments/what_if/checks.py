"""Checks of what one change did to the first steps; the pages of these codes are those of the watch."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.what_if.instrument import needed, what_if
from nbdebug.instruments.what_if.result import (
    JOINED,
    LEARNED,
    LEARNS,
    PARTED,
    SLOWER,
    UNDECAYED,
    UNMASKED,
    Change,
    WhatIf,
)


@what_if.check("ND604", "learning rate too high", severity=WARNING, advice="divide the learning rate by 10, or warm it up; lr_find compares rates")
def too_fast(result: WhatIf) -> Iterator[Seen]:
    """The first steps go much further with a tenth of the rate, though a lower rate is slower where the rate is right."""
    yield from _helped(result, SLOWER, "a learning rate of {:g}")


@what_if.check("ND607", "weight decay outweighs the loss", severity=WARNING, advice="AdamW: weight_decay 0.01 to 0.1; SGD: 1e-4 to 5e-4; Adam adds it to the gradient, where 1e-4 is much")
def decayed(result: WhatIf) -> Iterator[Seen]:
    """The first steps go much further without weight decay."""
    yield from _helped(result, UNDECAYED, "a weight decay of {:g}")


@what_if.check("ND608", "dropout drowns the gradient", severity=WARNING, advice="dropout of 0.1 to 0.5")
def masked(result: WhatIf) -> Iterator[Seen]:
    """The first steps go much further without dropout, also where it is left out of the loss that is compared."""
    yield from _helped(result, UNMASKED, "dropout of {:g}")


@what_if.check("ND601", "parameter not in the optimizer", severity=WARNING, advice="build the optimizer from model.parameters(); requires_grad_(False) on what is frozen on purpose")
def forgotten(result: WhatIf) -> Iterator[Seen]:
    """The first steps go much further when the optimizer holds all that gets gradients, of weights as they were drawn, where the text speaks of no freezing."""
    yield from _helped(result, JOINED, "{} left out of the optimizer, although gradients reach them,")


@what_if.check("ND204", "sharing broken", severity=WARNING, advice="build each layer anew: {name: Layer() for name in names}; if they are to be one, say so beside it")
def one_for_several(result: WhatIf) -> Iterator[Seen]:
    """The first steps go much further with a layer of its own for each of its names, where the text that repeats it speaks of no sharing.

    More weights learn faster, so one that learns nearly all of it as it is, is left alone.
    """
    change = next((c for c in result.changes if c.what == PARTED), None)
    if change is None or result.first is None or all(pair.without.late > LEARNED * result.first for pair in change.pairs):
        yield from _helped(result, PARTED, "{}")


def _helped(result: WhatIf, what: str, said: str) -> Iterator[Seen]:
    change = next((c for c in result.changes if c.what == what), None)
    if result.reason and change is None:
        raise NotChecked(result.reason)
    learns = change is not None and result.first is not None and all(pair.changed.late <= LEARNS * result.first for pair in change.pairs)
    if change is not None and learns and len(change.pairs) > 1 and change.gain >= needed(change):
        yield Seen(
            f"with {said.format(change.named or change.was)} the loss comes from {result.first:.3g} to {_level(change, True):.3g} in {len(change.pairs[0].changed.losses)} steps; with {what} it comes to "
            f"{_level(change, False):.3g}, from the same weights on the same batches",
            change.location, {"was": change.was, "first": result.first, "gain": change.gain, "steps": len(change.pairs[0].changed.losses)},
        )  # fmt: skip


def _level(change: Change, plain: bool) -> float:
    course = change.pairs[0].without if plain else change.pairs[0].changed
    return course.late
