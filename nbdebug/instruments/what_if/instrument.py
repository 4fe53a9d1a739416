"""The first steps of the training, and again with a lower rate, without decay, without dropout: what helps was in the way."""

from __future__ import annotations

import ast
import contextlib
import itertools
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from torch import Tensor

from nbdebug import loading
from nbdebug.batch import own_copy
from nbdebug.coming_rates import coming_rates, set_rate, warms_up
from nbdebug.counterfactual import in_training_mode, is_adaptive
from nbdebug.errors import NbdebugError
from nbdebug.findings import Location
from nbdebug.instruments.base import Instrument, demand_at_least, instrument
from nbdebug.instruments.what_if.apart import one_for_all, parted
from nbdebug.instruments.what_if.arms import slower, train, undecayed
from nbdebug.instruments.what_if.left_out import joined, left_out
from nbdebug.instruments.what_if.result import (
    AS_IT_IS,
    CLIPPED,
    JOINED,
    PARTED,
    SLOWER,
    UNDECAYED,
    UNMASKED,
    Change,
    Course,
    Pair,
    WhatIf,
)
from nbdebug.lines.names import assignments, called, calls
from nbdebug.lines.sources import all_texts
from nbdebug.listening import Tape
from nbdebug.stepping import needs_closure
from nbdebug.training_setup import TrainingSetup
from nbdebug.unmasked import MASKS
from nbdebug.untouched import untouched

LEARNT = 0.15  # of the loss at the start, below which a training that came there in its first steps is left alone; our choice
HELPED = {SLOWER: 1.4, UNMASKED: 1.35, UNDECAYED: 1.25, PARTED: 1.5, JOINED: 1.35}  # times, by which the loss is lower with a change; our choice: on sound programs at most 1.0, 1.2 and 1.1
HEAVY, HARDLY = 0.85, 0.5  # probability of dropout, from which on it is left out for once where the loss stands at so much of its first value; our choice: wide layers learn with 0.8
A_LITTLE, MEANT_APART = 1.1, 0.03  # the same of a decay that Adam takes for a part of the gradient, and that is as large as those of AdamW
LONGER = 2  # times the steps that a decay is given: what it does adds up
ENOUGH = 0.6  # of the steps that were asked for
USUAL = 0.01  # decay of AdamW where nobody sets another: suspected last, for asking takes long
NEARLY_ALL = 0.99  # with more, not even a few samples can be memorised, and that test names it
NOTICED = 0.02  # of the weights, that decay must be able to take for being tried
READING = 0.7  # seconds for the batches
APART = 4  # validation batches that the loss is asked on
WARM = 3  # batches that the loss at the start is the mean of
UNTRIED = "because the time was up before it was tried"
CLIPS = ("clip_grad_norm_", "clip_grad_norm", "clip_grad_value_", "clip_grads_with_norm_", "clip_gradients")


class Trying(Instrument):
    """In a checkup a training may take less time."""

    briefly = {"seconds": 3.0}  # 60 steps of 50 ms: it comes last, and what is left of the budget ends it


@instrument("train_loader", "optimizer", trains=True, title="what one change would do", level="optimisation", result=WhatIf, made=Trying)
def what_if(setup: TrainingSetup, *, steps: int = 60, seconds: float = 20.0) -> Iterator[WhatIf]:
    """Would the first steps go better with a tenth of the learning rate, without weight decay, without dropout?

    Borrowed weights are trained by your own optimizer on some batches, as it is; where that learns little, again from the same weights with
    one thing changed, and what helps is tried a second time on the same batches in another order. Where a schedule warms up, the rate is that
    which it goes up to; whether that is too high is not asked then, for a warm-up is there so that it is not.

    Args:
        steps: updates of each of these trainings.
        seconds: that one of them may take; it has fewer steps then, and where these are less than 0.6 of the wanted nothing is tried. With
            as many a third of this ends it.
    """
    demand_at_least(10, steps=steps)
    found = WhatIf(reason="because the training did not come to its end")
    yield found
    if (reason := _obstacle(setup)) is not None:
        yield WhatIf(reason=reason)
        return
    warming = warms_up(setup)
    for group, rate in coming_rates(setup):
        set_rate(group, rate)  # the frame hands that of now back
    batches = _read(setup, steps)
    first = _untrained(setup, batches)
    if not math.isfinite(first):
        yield WhatIf(reason="because the loss is not finite before any update")
        return
    plain = yield from _meanwhile(found, train(setup, batches, steps, AS_IT_IS, seconds=seconds, enough=math.ceil(ENOUGH * steps)))
    if min(plain.losses) < 0:
        yield WhatIf(reason="because the loss goes below zero, so that its level says nothing")
        return
    done = len(plain.losses)
    if done < ENOUGH * steps and math.isfinite(plain.losses[-1]):
        yield WhatIf(reason=f"because {done} steps took {seconds:g} s, and {ENOUGH * steps:.0f} are needed")
        return
    steps = done if math.isfinite(plain.losses[-1]) else steps
    found = WhatIf(steps, first, plain, reason=UNTRIED)
    yield found
    learnt = plain.level < LEARNT * first
    for change, attempt in _towers(setup, batches[0]) if learnt else _candidates(setup, batches[0], steps, plain.level >= HARDLY * first, math.isfinite(plain.late + plain.calm) and not warming):
        for order in (batches, batches[::-1]):
            pair = yield from _meanwhile(found, _pair(setup, order, steps, plain if order is batches else None, attempt, change.what))
            change = replace(change, pairs=(*change.pairs, pair))
            if change.gain < needed(change):
                break
        found = replace(found, changes=(*found.changes, change))
        yield found
    yield replace(found, reason="")


Attempt = Callable[..., Generator[None, None, Course]]  # of setup, batches, steps; what is learnt apart from them by name
Done = TypeVar("Done")


def _meanwhile(found: WhatIf, training: Generator[None, None, Done]) -> Generator[WhatIf, None, Done]:
    """What is known so far at each step of a training, so that a budget can end it there; and what comes of it."""
    while True:
        try:
            next(training)
        except StopIteration as over:
            return over.value
        yield found


def _obstacle(setup: TrainingSetup) -> str | None:
    """Why no short training says anything of the long one."""
    if len(setup.optimizers) != 1:
        return "because several optimizers may play against each other"
    if needs_closure(setup.optimizers[0]):
        return "because the optimizer wants the loss several times a step"
    return None


def _read(setup: TrainingSetup, most: int) -> list[Any]:
    """As many different batches as there are steps, or as there is time for."""
    until, held = time.perf_counter() + READING, []
    for delivered in itertools.islice(loading.read(setup.train_loader), most):
        held.append(setup.moved(delivered.batch))
        if time.perf_counter() > until:
            break
    return held


def _validation(setup: TrainingSetup) -> list[Any]:
    """A few batches that nothing is trained on; none where there is no loader of them that can be read."""
    with contextlib.suppress(NbdebugError):
        return [setup.moved(batch) for batch in loading.first_batches(setup.val_loader, APART, "val_loader")] if setup.val_loader is not None else []
    return []


def _untrained(setup: TrainingSetup, batches: list[Any]) -> float:
    with untouched(setup, weights=True):
        in_training_mode(setup)
        few = [float(setup.loss(own_copy(batch)).detach()) for batch in batches[:WARM]]
    return math.fsum(few) / len(few)


def needed(change: Change) -> float:
    """The gain from which on what was changed is to blame."""
    if change.what == UNDECAYED and change.was >= MEANT_APART and change.coupled:
        return A_LITTLE
    return HELPED[change.what]


def _pair(setup: TrainingSetup, order: list[Any], steps: int, plain: Course | None, attempt: Attempt, what: str) -> Generator[None, None, Pair]:
    """The change on these batches, beside the training as it is; where the loop clips, beside the better of that and a clipped one."""
    apart = _validation(setup) if what == UNDECAYED else ()  # decay may be strong on purpose, where there are few samples
    if what in (UNDECAYED, PARTED, JOINED):
        plain, steps = None, LONGER * steps
    plain = plain or (yield from train(setup, order, steps, AS_IT_IS, apart=apart))
    changed = yield from (attempt(setup, order, steps, apart=apart) if apart else attempt(setup, order, steps))
    if what == SLOWER and _written(setup, CLIPS) and Pair(plain, changed).gain >= HELPED[what]:
        clipped = yield from train(setup, order, steps, CLIPPED, clip=True)
        plain = min((plain, clipped), key=lambda course: course.level)
    return Pair(plain, changed)


def _candidates(setup: TrainingSetup, batch: Any, steps: int, hardly: bool, settled: bool) -> Iterator[tuple[Change, Attempt]]:
    """What may be in the way, with how it is changed; the rate only where it is `settled`: the loss stays finite with it, and no warm-up goes before it."""
    if (forgotten := left_out(setup, batch)) is not None:
        more = f" and {len(forgotten.names) - 1} more" if len(forgotten.names) > 1 else ""
        change = Change(JOINED, float(len(forgotten.names)), _place(setup, setup.optimizers[0].param_groups[0]), named=f"{forgotten.names[0]}{more}")
        yield change, partial(train, name=JOINED, change=joined(forgotten))
    group = max(setup.optimizers[0].param_groups, key=lambda g: float(g.get("weight_decay") or 0.0))
    decay = float(group.get("weight_decay") or 0.0)
    bites = decay > 0 and _bites(setup, group, LONGER * steps)
    without_decay = Change(UNDECAYED, decay, _place(setup, group), coupled=_is_coupled(setup, group)), partial(train, name=UNDECAYED, change=undecayed)
    usual = bool(group.get("decoupled_weight_decay")) and decay <= USUAL
    if bites and not usual:
        yield without_decay
    p, place = _heaviest(setup, batch) if hardly else (0.0, Location())
    if HEAVY <= p <= NEARLY_ALL:
        yield Change(UNMASKED, p, place), partial(train, name=UNMASKED, masks=False)
    yield from _towers(setup, batch)
    fastest = max(setup.optimizers[0].param_groups, key=lambda g: float(g.get("lr") or 0.0))
    if float(fastest.get("lr") or 0.0) > 0 and settled and not _sets_rates(setup) and not _accumulates(setup):
        yield Change(SLOWER, float(fastest["lr"]), _place(setup, fastest)), partial(train, name=SLOWER, change=slower)
    if bites and usual:
        yield without_decay


def _towers(setup: TrainingSetup, batch: Any) -> Iterator[tuple[Change, Attempt]]:
    """A layer that stands under several names; asked also of what learns quickly, for a bad start makes any course look steep."""
    if (one := one_for_all(setup, batch)) is not None:
        names = " and ".join((", ".join(f"`{name}`" for name in one.names[:-1]), f"`{one.names[-1]}`"))
        change = Change(PARTED, float(len(one.names)), one.location, named=f"{names} being one and the same {one.kind}")
        yield change, partial(train, name=PARTED, change=parted(one))


def _bites(setup: TrainingSetup, group: dict[str, Any], steps: int) -> bool:
    """Whether decay can take so much of the weights in these steps that it shows; that which Adam rescales can always."""
    taken = steps * float(group.get("lr") or 0.0) * float(group["weight_decay"]) / max(1e-2, 1.0 - float(group.get("momentum") or 0.0))
    rescaled = is_adaptive(setup) and not group.get("decoupled_weight_decay")
    return rescaled or taken >= NOTICED


def _is_coupled(setup: TrainingSetup, group: dict[str, Any]) -> bool:
    return is_adaptive(setup) and "betas" in group and not group.get("decoupled_weight_decay") and type(setup.optimizers[0]).__module__.startswith("torch.optim")


def _place(setup: TrainingSetup, group: dict[str, Any]) -> Location:
    optimizer = setup.optimizers[0]
    number = next(n for n, one in enumerate(optimizer.param_groups) if one is group)
    return Location(detail=f"{type(optimizer).__name__}, group {number}")


def _heaviest(setup: TrainingSetup, batch: Any) -> tuple[float, Location]:
    """The highest probability with which a value is dropped in a step, and where."""
    try:
        with untouched(setup), Tape(setup.model) as tape:
            in_training_mode(setup)
            setup.loss(own_copy(batch))
    except NbdebugError:
        return 0.0, Location()
    found = [(float(p), call) for call in tape.calls if call.name in MASKS and isinstance(p := call.argument(1, "p"), (int, float, Tensor))]
    p, call = max(found, key=lambda one: one[0], default=(0.0, None))
    of_layers = [(m.dropout, path) for path, m in setup.model.named_modules() if isinstance(getattr(m, "dropout", None), float)]
    rate, path = max(of_layers, default=(0.0, ""))
    if rate > p:
        return rate, Location(module=path)
    return (p, Location(module=call.location.module) if _is_layer(setup, call.location.module) else call.location) if call is not None else (p, Location())


def _is_layer(setup: TrainingSetup, path: str) -> bool:
    """Whether it is a layer of torch's, which the line that makes it tells of."""
    module = dict(setup.model.named_modules()).get(path)
    return module is not None and "Dropout" in type(module).__name__


def _written(setup: TrainingSetup, names: tuple[str, ...]) -> bool:
    """Whether the text calls one of these."""
    return any(called(call) in names for _, _, tree in all_texts(setup.model) for call in calls(tree))


def _accumulates(setup: TrainingSetup) -> bool:
    """Whether the loop steps only after every few batches: its rate is meant for these together."""
    tests = (node for _, _, tree in all_texts(setup.model) for node in ast.walk(tree) if isinstance(node, ast.If) and any(isinstance(part, ast.Mod) for part in ast.walk(node.test)))
    return any(called(call) == "step" and not call.args for node in tests for part in node.body for call in calls(part))


def _sets_rates(setup: TrainingSetup) -> bool:
    """Whether the loop itself gives the groups their rates, so that the one they have means nothing."""
    return any(
        isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant) and target.slice.value == "lr"
        for _, _, tree in all_texts(setup.model) for target, _ in assignments(tree)
    )  # fmt: skip
