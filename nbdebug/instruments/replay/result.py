"""A step from a capsule beside the same step here: what is the same, and how that is said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbdebug.instruments.base import JUDGED
from nbdebug.nonfinite.kept.capsule import Capsule
from nbdebug.nonfinite.kept.fingerprint import bits_of, number_of
from nbdebug.nonfinite.kept.surroundings import environment
from nbdebug.nonfinite.origin import Origin
from nbdebug.page import Note, Panel, Table

PASS = "pass nbdebug.replay(path, batch_loss=lambda setup, batch: ...) with the loss as that loop computes it"
GRADIENTS = "gradients (sha256)"
ADDED_TO = "The backward pass may have added to the gradients of earlier steps, which an armed loop does not copy"
SHA256 = 64  # hexadecimal digits


@dataclass(frozen=True)
class Compared:
    """One thing of the step, there and here."""

    what: str
    then: str
    now: str

    @property
    def same(self) -> bool:
        return self.then == self.now


@dataclass(frozen=True)
class Replayed:
    """Whether the step is the same here, bit for bit, and what else is different."""

    path: str
    bytes: int
    step: int  # of the training, from 0
    compared: tuple[Compared, ...]
    surroundings: tuple[Compared, ...]  # versions and settings that differ
    stored: Origin | None  # as it was found where the step failed
    origin: Origin | None  # as it was found here
    limits: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]  # file or cell, text; for a loop whose loss is not the same here
    mended: str = ""  # what is finite here and was not there; "" when it fails here too, or is the same

    @property
    def reproduced(self) -> bool:
        return all(pair.same for pair in self.compared)

    def search(self) -> Any:
        """The same as the result of find_nan, whose checks judge it; one loss makes no curve."""
        steps = self.step + (self.origin is None)
        return JUDGED["find_nan"].result(
            steps=steps, asked=None, origin=self.origin, losses=(), gradient_norms=(), skipped=(),
            reproduced=self.reproduced if self.compared else None, capsule=self.path,
        )  # fmt: skip

    def panels(self) -> tuple[Panel, ...]:
        """The verdict, both steps beside each other, what is different around them, the stored code where it helps; the search."""
        panels: list[Panel] = [Note("the step, run again", _verdict(self))]
        rows = tuple((c.what, _short(c.then), _short(c.now), c.same) for c in self.compared)
        panels.append(Table("there and here", ("", "in the capsule", "here", "same"), rows))
        if self.stored is not None or self.origin is not None:
            panels.append(_births(self.stored, self.origin))
        if self.surroundings:
            rows = tuple((c.what, c.then, c.now) for c in self.surroundings)
            panels.append(Table("what is different around it", ("", "in the capsule", "here"), rows))
        panels += [Note(f"{name}, as it was there (for reading, never run)", text, "code") for name, text in self.sources]
        return (*panels, *self.search().panels())


def in_a_loop(capsule: Capsule, loss: float | None, found: Origin | None, device: Any, limits: Sequence[str]) -> Replayed:
    """What the user's own loop came to when it was given the capsule's step."""
    compared = [] if loss is None or not capsule.loss else [Compared("loss", shown_number(capsule.loss), shown_number(bits_of(loss)))]
    compared += compared_births(capsule.origin, found)
    around = surroundings_of(capsule, device, capsule.precision)
    told = (*capsule.limits, *limits)
    same, mended = all(pair.same for pair in compared), mended_step(capsule, loss, found)
    return Replayed(capsule.path, capsule.bytes, capsule.step, tuple(compared), around, capsule.origin, found, told, (), "" if same else mended)


def mended_step(capsule: Capsule, loss: float | None, found: Origin | None) -> str:
    """What is finite here and was not where the step failed; "" when something here is not finite either."""
    if found is not None or loss is None or not math.isfinite(loss):
        return ""
    became = capsule.origin.became if capsule.origin is not None else "not finite"
    if capsule.tripped == "loss":
        return f"The failing step is finite now: loss {loss:.4g} where it was {number_of(capsule.loss) if capsule.loss else became}"
    what = "the gradients are finite" if capsule.tripped == "gradients" else "the update gives finite weights"
    return f"The failing step is finite now: loss {loss:.4g}, and {what}, where one was {became}"


def of_this_loss(capsule: Capsule) -> bool:
    """Whether a finite loss says something even when the loop computes another: what failed lay in the model."""
    origin = capsule.origin
    in_model = origin is not None and (origin.phase == "forward" or (origin.phase == "backward" and bool(origin.module)))
    return capsule.of == "setup" or in_model


def compared_births(stored: Origin | None, found: Origin | None) -> list[Compared]:
    if stored is None or not stored.operator:  # where it was not found, there is no place to compare
        return []
    return [Compared("where it is born", _birth(stored), _birth(found)), Compared("numbers that met there", _met(stored), _met(found))]


def surroundings_of(capsule: Capsule, device: Any, precision: str) -> tuple[Compared, ...]:
    """What is different around it."""
    here = environment(device)
    pairs = [Compared(name, then, here.get(name, "unknown")) for name, then in capsule.environment.items()]
    pairs.append(Compared("precision", capsule.precision, precision))
    return tuple(pair for pair in pairs if not pair.same)


# -- in words -----------------------------------------------------------------------------------------------------------


def _verdict(result: Replayed) -> str:
    what = ", ".join(pair.what.removesuffix(" (sha256)") for pair in result.compared)
    if result.mended:
        return ". ".join([*_finite_now(result), *result.limits, f"{result.path} ({result.bytes:,} bytes)"])
    if result.reproduced and [pair.then for pair in result.compared] == [shown_number("nan")]:
        said = ["The loss is NaN again; the capsule holds no finer numbers to compare"]
    elif result.reproduced and result.compared:
        said = [f"Reproduced bit for bit: {what} {'are as they were' if len(result.compared) > 1 else 'is as it was'}"]
    elif not result.compared:
        said = ["The capsule holds nothing to compare with"]
    else:
        said = [f"Not the same: {', '.join(pair.what for pair in result.compared if not pair.same)}"]
        said += [ADDED_TO] if [pair.what for pair in result.compared if not pair.same] == [GRADIENTS] else []
        said += ["What is different around it is listed below"] if result.surroundings else []
        said += [f"It is a step of a loop of its own, whose code is below: {PASS}"] if result.sources else []
    return ". ".join([*said, *result.limits, f"{result.path} ({result.bytes:,} bytes)"])


def _finite_now(result: Replayed) -> list[str]:
    """The good news first, then how far it reaches."""
    said = [result.mended]
    said += [f"Whether this is the loss of the loop is not in the file, whose code is below; if that computes another, {PASS}"] if result.sources else []
    said.append(f"Not the same as there, as it must be after a repair: {', '.join(pair.what for pair in result.compared if not pair.same)}")
    return [*said, *(["What is different around it is listed below"] if result.surroundings else [])]


def _short(value: str) -> str:
    return f"{value[:12]}…" if len(value) == SHA256 else value


def shown_number(bits: str) -> str:
    if bits == "nan":
        return bits
    return f"{number_of(bits):.9g} ({bits})"


def _birth(origin: Origin | None) -> str:
    """Not by its line: a cell has another number in another kernel, and what the loop said is not said here."""
    if origin is None:
        return "nowhere: all is finite"
    return " · ".join(part for part in (origin.phase, origin.module, origin.parameter, origin.operator, origin.became) if part)


def _met(origin: Origin | None) -> str:
    """To the last digit, so that equal numbers are the same numbers."""
    if origin is None or not origin.chain:
        return "not known"
    met = origin.chain[0].inputs
    return "; ".join(f"{v.minimum!r} to {v.maximum!r}, mean {v.mean!r}, {v.nan} NaN, {v.dtype} {v.shape}" for v in met)


def _births(stored: Origin | None, found: Origin | None) -> Table:
    rows = []
    for name, origin in (("in the capsule", stored), ("here", found)):
        if origin is not None:
            rows.append((name, origin.phase, str(origin.location), origin.text, origin.operator, origin.detail, origin.cause))
    return Table("where the bad value is born", ("", "phase", "where", "line", "operator", "detail", "cause"), tuple(rows))
