"""How near the operators of a step come to the edge of their domain, on real batches and in rehearsed steps."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from nbdebug import loading
from nbdebug.counterfactual import in_training_mode, trainable
from nbdebug.errors import NbdebugError, first_line
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.headroom.rehearsal import Patience, rehearse
from nbdebug.instruments.headroom.result import Headroom
from nbdebug.listening import Tape
from nbdebug.nonfinite.headroom.extents import Extents
from nbdebug.nonfinite.headroom.formulas import calls_of, matches
from nbdebug.nonfinite.headroom.masked_rows import masked_rows
from nbdebug.nonfinite.headroom.origins import Match
from nbdebug.nonfinite.headroom.sites import (
    UNEVEN,
    Found,
    Key,
    Site,
    fed_by,
    followed,
    unguarded,
    with_derivatives,
)
from nbdebug.nonfinite.headroom.stretching import Formula, tried
from nbdebug.training_setup import TrainingSetup

SECONDS = 1.0  # for further batches, and again for the rehearsal; our choice: a checkup takes five


@instrument("train_loader", title="headroom", level="numbers", result=Headroom)
def headroom(setup: TrainingSetup, *, batches: int = 8, steps: int = 30) -> Iterator[Headroom]:
    """Announces a NaN before it comes: operators near the edge of their domain, formulas that lose their digits.

    One step under the tape; where it has something to follow, up to `batches` batches and `steps` updates of copies.

    Yields ever fuller results; no weight is moved.
    """
    demand_at_least(1, batches=batches)
    demand_at_least(0, steps=steps)
    in_training_mode(setup)
    given = loading.read(setup.train_loader)
    first = next(given).batch
    try:
        with Tape(setup.model) as tape:
            loss = setup.loss(first)
    except NbdebugError as error:
        yield Headroom(None, 0, 0, not_checked=str(error))
        return
    found = Headroom(float(loss.detach().abs() if loss.is_complex() else loss.detach()), 1, 0)
    if not math.isfinite(found.loss or 0.0):
        yield replace(found, not_checked=f"the loss is {found.loss} already: find_nan says where that was born")
        return
    followed_up = _FollowUp(setup, tape, loss)
    found = replace(found, operators=followed_up.operators, **followed_up.fields(), **_masked(tape, loss))
    yield found
    if followed_up.empty:
        return
    del loss
    read = [first]
    found = replace(found, **followed_up.other_batches(given, batches - 1, read), batches=len(read), batches_in_all=_length(setup))
    yield replace(found, **followed_up.fields())
    found = replace(found, **followed_up.rehearsed(read, steps))
    yield replace(found, **followed_up.fields())


class _FollowUp:
    """What one step gave reason to follow, through other batches and rehearsed steps."""

    def __init__(self, setup: TrainingSetup, tape: Tape, loss: Tensor) -> None:
        self.setup, self.tape = setup, tape
        reached = tape.ancestors(loss)
        self.matches = matches(tape, reached)
        unguarded_ones = unguarded(tape, loss, _spoken_for(tape, self.matches))
        self.operators = unguarded_ones.operators
        self.sites = self._rated(unguarded_ones, loss)
        self.extents = Extents(self.matches)

    @property
    def empty(self) -> bool:
        return not self.sites and not self.matches

    def _rated(self, found: Found, loss: Tensor) -> dict[Key, Site]:
        sites = fed_by(found, self.tape, self.matches)
        if not sites or not loss.requires_grad:
            return sites
        weights = [p for _, p in trainable(self.setup.model)]
        try:
            given = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
            bad = any(g is not None and not bool((g.to_dense() if g.layout != torch.strided else g).isfinite().all()) for g in given)
            return with_derivatives(sites, found, loss, bad)
        except RuntimeError:  # a reentrant checkpoint, or something that was written over: the values can be followed all the same
            return sites

    def fields(self) -> dict[str, Any]:
        return {"sites": tuple(self.sites.values()), "formulas": tuple(self._formulas())}

    def _formulas(self) -> Iterator[Formula]:
        for match in self.matches:
            formula = tried(self.tape, match, self.extents.grown(match))
            if formula is not None:
                yield formula

    def other_batches(self, given: Iterator[Any], most: int, read: list[Any]) -> dict[str, Any]:
        """Runs further batches forward; stops at one whose loss is not finite."""
        patience = Patience(SECONDS)
        for delivered in islice(given, max(0, most)):
            if patience.over:
                break
            try:
                with Tape(self.setup.model) as tape:
                    loss = self.setup.loss(delivered.batch)
            except NbdebugError:
                break
            self._hear(tape, rehearsal=False)
            self._look_closer(tape, loss)
            if not bool(loss.detach().isfinite()):
                return {"broke": len(read)}
            read.append(delivered.batch)
        return {}

    def _look_closer(self, tape: Tape, loss: Tensor) -> None:
        """At the derivative, in a batch that comes much nearer to an edge than the first did."""
        nearer = {key for key, site in self.sites.items() if site.encounters[-1].nearest < site.typical / UNEVEN <= site.encounters[0].nearest}
        if nearer and loss.requires_grad:
            met = unguarded(tape, loss, _spoken_for(tape, matches(tape, tape.ancestors(loss))))
            close = replace(met, by_key={key: several for key, several in met.by_key.items() if key in nearer})
            with contextlib.suppress(RuntimeError):
                self.sites |= with_derivatives({key: self.sites[key] for key in close.by_key}, close, loss, False)

    def rehearsed(self, read: Sequence[Any], steps: int) -> dict[str, Any]:
        """The next updates, on copies."""
        losses: list[float] = []
        if not self.matches and not any(site.learns for site in self.sites.values()):
            return {}
        try:
            for step in rehearse(self.setup, read, steps, SECONDS):
                losses.append(step.loss)
                self._hear(step.tape, rehearsal=True)
        except (NbdebugError, RuntimeError, TypeError, ValueError) as error:
            return {"not_rehearsed": f"the step does not run with lent weights ({first_line(error)})"}
        return {"losses": tuple(losses), "steps_ahead": len(losses)}

    def _hear(self, tape: Tape, *, rehearsal: bool) -> None:
        self.sites = followed(self.sites, tape, rehearsal=rehearsal)
        self.extents.hear(tape)


def _masked(tape: Tape, loss: Tensor) -> dict[str, Any]:
    try:
        return {"masked": masked_rows(tape, loss)}
    except RuntimeError as error:
        return {"masked_not_checked": f"the step does not give the gradient of its attention weights ({first_line(error)})"}


def _spoken_for(tape: Tape, found: Sequence[Match]) -> frozenset[int]:
    """The calls of formulas, which are judged as such."""
    return frozenset().union(*(calls_of(tape, match) for match in found))


def _length(setup: TrainingSetup) -> int | None:
    try:
        return len(setup.train_loader)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        return None
