"""The alarms of one rank, as the loop calls them."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nbdebug.errors import NotFinite
from nbdebug.findings import ERROR, INFO, WARNING, Finding, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.find_nan.training import GRADIENTS, LOSS, UPDATE
from nbdebug.instruments.full_run import full_run
from nbdebug.instruments.placing import placed
from nbdebug.nonfinite.finite import has_nonfinite, norm
from nbdebug.nonfinite.kept.parts import Parts, unwrapped
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.plain import to_plain
from nbdebug.training.trainer.alarms import digests
from nbdebug.training.trainer.alarms.beginnings import Beginnings
from nbdebug.training.trainer.alarms.pace import Comparing, Meetings, OwnTime, Waiting
from nbdebug.training.trainer.alarms.quick import Length, Risks
from nbdebug.training.trainer.alarms.search import Found, Search
from nbdebug.training.trainer.alarms.spikes import Losses, Spike
from nbdebug.training.trainer.assembly import Training
from nbdebug.training.trainer.moments import every
from nbdebug.training.trainer.precision import ByClosure, Updated, owned

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context

MOST = 3  # capsules of steps that are finite, of one kind in one rank
COMPARED = 50  # steps between comparisons of the ranks' times, where the looks of `watch` are off
ROUNDING = 1e-3  # of a parameter's own size; our choice: processors of two kinds round apart by less
AFTER = "run.replay() runs it again in the kernel"


class Alarms:
    """Looks at one rank's training; what it says goes out as events.

    Raises, from `before_update` and `after_update`:
        NotFinite: a loss, a gradient or a weight is not finite, and the configuration does not go on.
    """

    def __init__(self, training: Training, context: Context) -> None:
        self._training, self._context, self._told = training, context, context.config.watch
        setup, whole = training.setup, training.updates.plain()
        self._owned = owned(setup)
        self._by_closure = isinstance(training.updates, ByClosure)  # there is nothing to be looked at before the update
        self._finds, self._longest = self._told.find_nan, self._told.gradient_norm
        scaled = setup.scaler is not None and setup.scaler.is_enabled()
        self._measures = bool(self._told.find_nan or self._told.gradient_norm) and not scaled
        self._length, self._risks = Length(self._owned, training.updates.whole), Risks(setup.optimizers)
        models = tuple(Parts.of(setup).models.values())
        self._beginnings = Beginnings(models) if self._told.find_nan or self._told.gradient_norm or self._told.loss_spike else None
        directory = context.folder.capsules / f"rank{context.rank}"
        self._search = Search(setup, whole, context.rank, context.world_size, directory, training.data.indices_of)
        self._losses = Losses(self._told.loss_spike) if self._told.loss_spike else None
        self._spikes = self._long = 0  # so far; of gradients the same on all ranks
        self._undo: Snapshot | None = None  # of right before an update that may fail
        self._copies: Snapshot | None = None  # the memory for it
        self._bad_before = {id(p) for p in self._owned if has_nonfinite(p)}
        self._skipped = 0  # updates that were left out
        several = context.world_size > 1
        self._pace = OwnTime(whole, self._owned) if self._told.straggler and several else None
        self._slow = Comparing(self._told.straggler) if self._told.straggler and several else None
        self._meetings = Meetings(self._told.every_steps or COMPARED)
        self._waiting = Waiting(self._told.starved) if self._told.starved else None
        self._diverged = not several or not self._told.digest_every  # whether nothing more is to be said of it
        self._look_at = 0  # the next step after which there is more to be looked at than at every one

    def waited(self, begin: float, end: float, first: bool) -> None:
        """A batch was waited for, from second to second; the first of an epoch starts workers, which is not waiting."""
        if self._waiting is not None:
            self._waiting.add(begin, end, counts=not first)
        if self._pace is not None:
            self._pace.waited(end - begin)

    def begins(self, batch: Any) -> None:
        """A batch is about to be passed."""
        if self._beginnings is not None:
            self._beginnings.take(batch)

    def before_update(self, step: int) -> bool:
        """The passes are over. Whether the update is to be left out.

        Args:
            step: that it will be, from 1.
        """
        if self._pace is not None:
            self._pace.update()
        if self._beginnings is None:
            return False
        loss, length = self._ends()
        if self._finds and not (_finite(loss) and _finite(length)):
            bad = self._bad_gradients(length)  # the same on all ranks
            if bad or not _finite(loss):
                return self._tripped(step, GRADIENTS if _finite(loss) else LOSS, shared=bad)
        if loss is not None and self._losses is not None and (spike := self._losses.told(loss)) is not None:
            self._spiked(step, spike)
        if self._longest is not None and length is not None and length > self._longest:
            self._too_long(step, length)
        if self._finds and not self._by_closure and self._risks.may_fail(length):
            self._keep_what_may_fail()
        return False

    def after_update(self, step: int, updated: Updated) -> None:
        """The update was made, or skipped by the scaler."""
        if step >= self._look_at or self._undo is not None or updated.skipped or self._by_closure:
            self._look(step, updated)
        if self._beginnings is not None:
            self._beginnings.over()
        if self._waiting is not None and (waited := self._waiting.told()) is not None:
            self._starved(*waited)

    def state(self) -> dict[str, Any]:
        """What this rank's next losses are compared with. What was said stays with the run that said it: one that is resumed is a run of its own."""
        return {} if self._losses is None else {"losses": self._losses.state()}

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Goes on with the state of a checkpoint; None: it has none."""
        if self._losses is not None:
            self._losses.restore((state or {}).get("losses"))

    def close(self) -> None:
        """The training is over."""
        if self._pace is not None:
            self._pace.close()

    # -- not finite -----------------------------------------------------------------------------------------------------

    def _ends(self) -> tuple[float | None, float | None]:
        """The loss of this rank and the norm of the averaged gradients; None of what is not known, as of gradients that are scaled."""
        loss = self._training.updates.loss()
        if loss is None:
            return None, None
        return loss.item(), self._length() if self._measures else None

    def _bad_gradients(self, length: float | None) -> bool:
        return length is not None and not math.isfinite(length) and any(p.grad is not None and has_nonfinite(p.grad) for p in self._owned)

    def _keep_what_may_fail(self) -> None:
        """A copy of weights and states, for the coming update may spoil them."""
        self._copies = self._copies or Snapshot((), self._training.setup.optimizers)
        self._undo = self._copies.renew()

    def _look(self, step: int, updated: Updated) -> None:
        """At the weights, and at what the ranks compare, as far as it is due after this update; and when something will be due again."""
        if self._finds:
            if updated.skipped and self._training.setup.scale() <= 1.0:
                self._tripped(step, GRADIENTS, shared=True)
            elif self._looks_at_weights(step) and (names := self._spoilt()):
                self._tripped(step, UPDATE, names, shared=True)
        self._undo = None
        if self._pace is not None and step >= self._meetings.next:
            self._compare_pace(step)
        if not self._diverged and (step == 1 or every(self._told.digest_every, step)):
            self._compare_weights(step)
        intervals = [n for n in (self._told.every_steps, self._told.digest_every) if n]
        meeting = [self._meetings.next] if self._pace is not None else []
        self._look_at = min([*(step + n - step % n for n in intervals), *meeting], default=sys.maxsize)

    def _looks_at_weights(self, step: int) -> bool:
        """After each update that may fail, and now and then: an update of finite gradients is finite otherwise."""
        return self._undo is not None or step == 1 or self._by_closure or every(self._told.every_steps, step)

    def _spoilt(self) -> tuple[str, ...]:
        """Names of the weights that were finite once and are not."""
        held = [p for p in self._owned if id(p) not in self._bad_before]
        if math.isfinite(norm(held)):
            return ()
        names = Parts.of(self._training.setup).names()
        return tuple(names.get(id(p), "a parameter") for p in held if has_nonfinite(p))

    def _tripped(self, step: int, end: str, names: tuple[str, ...] = (), *, shared: bool) -> bool:
        """Looks for the birth, tells it, and ends the training or leaves the update out.

        Args:
            shared: whether all ranks came here: averaged gradients, and what they make of weights, are the same on all of them.
        """
        assert self._beginnings is not None
        if end == UPDATE and self._undo is not None:
            self._undo.restore()
        doubt = self._beginnings.doubt()
        known = end != UPDATE or (self._undo is not None and self._context.is_main)  # an update is the same on all ranks
        found = self._search.nonfinite(self._beginnings.held, step, end, names) if known else None
        mine = found is not None
        ranks = [rank for rank, is_its in enumerate(self._training.together.everyone(mine)) if is_its] if shared else [self._context.rank]
        if found is None and ranks in ([], [self._context.rank]):
            found = self._coarse(step, end, names)
        if found is not None:
            self._say(replace(found, notes=(*found.notes, doubt)) if doubt and found.capsule else found, step)
        if self._told.on_nan == "skip" and end != UPDATE:
            self._leave_out(step, ranks, found)
            return True
        if found is None:
            self._context.barrier()  # until the rank that it is of has said so and is gone
        raise NotFinite(_headline(found, step))

    def _coarse(self, step: int, end: str, names: tuple[str, ...]) -> Found:
        """What can be said when no rank's own step, repeated, is bad."""
        if end == UPDATE:
            what = f"the update of {names[0]} gave a value that is not finite, and no copy was kept from before it"
        else:
            what = f"the {end} {'are' if end == GRADIENTS else 'is'} not finite, and the step, repeated on each rank alone, was: nothing was found"
        code = "ND709" if end == UPDATE else "ND504" if end == GRADIENTS else "ND308"
        place = Location(parameter=names[0] if names else "", detail=end)
        finding = Finding(code, "not finite", ERROR, f"at step {step} {what}", "nbdebug.find_nan(setup), on one process", place)
        return Found(f"step {step}: {what}", (finding,), "")

    def _leave_out(self, step: int, ranks: list[int], found: Found | None) -> None:
        for one in self._beginnings.held[:1]:  # type: ignore[union-attr]
            one.snapshot.restore()  # statistics of norm layers may be spoilt
        for parameter in self._owned:
            parameter.grad = None
        self._beginnings.over()  # type: ignore[union-attr]
        self._skipped += 1
        if self._context.is_main and self._skipped == 1:
            whose = f" of rank {', '.join(map(str, ranks))}" if self._context.world_size > 1 and ranks else ""
            self._context.note(f"the update of step {step} was left out, for a number{whose} was not finite (watch.on_nan: skip)")

    def _say(self, found: Found, step: int) -> None:
        for finding in found.findings:
            self._context.send("finding", finding=to_plain(finding))
        if found.capsule:
            self._context.send("capsule", path=found.capsule, step=step)
        for note in found.notes:
            self._context.note(note)

    # -- finite, and out of the ordinary ----------------------------------------------------------------------------------

    def _spiked(self, step: int, spike: Spike) -> None:
        self._spikes += 1
        if self._spikes > MOST:
            return
        seen = Seen(
            f"at step {step} the loss was {spike.loss:.4g}, where late steps lie at {spike.late:.4g} ± {spike.spread:.2g} and the first ones below {spike.first:.4g}",
            Location(detail=f"step {step}"), {"loss": spike.loss, "late": spike.late, "spread": spike.spread}, severity=INFO,
        )  # fmt: skip
        self._keep("ND706", "unstable", seen, step, "look at the batch of that step: run.replay()")

    def _too_long(self, step: int, length: float) -> None:
        limit = self._told.gradient_norm
        self._long += 1
        if self._long > MOST or self._whose_gradient() != self._context.rank:
            return
        seen = Seen(
            f"at step {step} the gradients' norm was {length:.4g}, above the {limit:g} that watch.gradient_norm endures",
            Location(detail=f"step {step}"), {"norm": length, "limit": limit},
        )  # fmt: skip
        self._keep("ND503", "exploding", seen, step, "clip the gradients (training.clip_norm), or look at the batch: run.replay()")

    def _whose_gradient(self) -> int:
        """The rank whose loss is the largest; all ranks ask, for the averaged gradients are the same on all."""
        losses = self._training.together.everyone(float(self._training.updates.loss()))  # type: ignore[arg-type]
        return losses.index(max(losses))

    def _keep(self, code: str, title: str, seen: Seen, step: int, advice: str) -> None:
        path, why = self._search.finite(self._beginnings.held, step, seen.message)  # type: ignore[union-attr]
        place = seen.location
        if self._context.world_size > 1:
            place = Location(detail=f"{place.detail} · rank {self._context.rank}")
        finding = Finding(code, title, seen.severity or WARNING, seen.message, advice, place, {**seen.evidence, "rank": self._context.rank, "capsule": path})
        self._say(Found("", (finding,), path, (why,) if why else ()), step)

    # -- of the ranks together ----------------------------------------------------------------------------------------------

    def _compare_pace(self, step: int) -> None:
        told = self._training.together.each(self._pace.median(), self._meetings.seconds(step))  # type: ignore[union-attr]
        own = [seconds for seconds, _ in told]
        self._meetings.met(step, max(seconds for _, seconds in told))
        if not self._context.is_main:
            return
        for slow in self._slow.told(own):  # type: ignore[union-attr]
            self._tell("ND809", Seen(
                f"rank {slow.rank} takes {1000 * slow.own:.3g} ms for its own part of a step, and the other{'s' if len(own) > 2 else ''} "
                f"{1000 * slow.others:.3g} ms: everyone waits for it",
                Location(detail=f"rank {slow.rank}"), {"rank": slow.rank, "own": slow.own, "others": slow.others, "step": step},
            ))  # fmt: skip

    def _starved(self, share: float, seconds: float) -> None:
        place = "train_loader" + (f", rank {self._context.rank}" if self._context.world_size > 1 else "")
        self._tell("ND810", Seen(
            f"{share:.0%} of the time goes into waiting for batches, {seconds:.0f} s so far", Location(detail=place),
            {"share": share, "seconds": seconds, "rank": self._context.rank},
        ))  # fmt: skip

    def _compare_weights(self, step: int) -> None:
        named = {name: p for name, p in unwrapped(self._training.setup.model).named_parameters() if not p.is_meta}
        together, names = self._training.together, list(named)
        bad, ranks = digests.unlike(together.everyone(digests.digest(named)), names)
        if not bad:
            return
        self._diverged = True
        diverged = digests.compared(bad[0], len(bad), len(names), ranks, together.everyone(_plain(named[bad[0]])))
        if self._context.is_main:
            self._tell("ND801", _unlike(diverged, step))

    def _tell(self, code: str, seen: Seen) -> None:
        check = full_run.checks[code]
        finding = Finding(code, check.title, seen.severity or check.severity, seen.message, seen.advice or check.advice, seen.location, seen.evidence)
        setup = self._training.setup
        for told in placed([finding], setup.model, setup=setup):
            self._context.send("finding", finding=to_plain(told))


def _finite(number: float | None) -> bool:
    """What is not known counts as finite."""
    return number is None or math.isfinite(number)


def _headline(found: Found | None, step: int) -> str:
    if found is None:
        return f"step {step}: a number of another rank is not finite"
    return f"{found.sentence}; {AFTER}" if found.capsule else found.sentence


def _unlike(diverged: digests.Diverged, step: int) -> Seen:
    relative = diverged.difference / diverged.size if diverged.size else math.inf
    whose = "rank " + ", ".join(map(str, diverged.ranks)) + (" holds" if len(diverged.ranks) == 1 else " hold")
    more = f" (and {diverged.count - 1} more of {diverged.of})" if diverged.count > 1 else ""
    return Seen(
        f"at step {step} {whose} another `{diverged.parameter}`{more} than rank 0: up to {diverged.difference:.3g} apart, of weights of {diverged.size:.3g}",
        Location(parameter=diverged.parameter, detail=f"rank {', '.join(map(str, diverged.ranks))}"),
        {"parameters": diverged.count, "difference": diverged.difference, "size": diverged.size, "step": step},
        severity=None if relative > ROUNDING else INFO,
    )  # fmt: skip


def _plain(parameter: Tensor) -> Tensor:
    values = parameter.detach()
    return (torch.view_as_real(values) if values.is_complex() else values).cpu().clone()

