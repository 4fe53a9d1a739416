"""Check of the optimizer's own arithmetic: weights that stop being finite in a step."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.findings import ERROR
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.courses import training_loader
from nbdebug.instruments.watch.reading.learning import only_loss
from nbdebug.instruments.watch.reading.motion import usual_place
from nbdebug.instruments.watch.reading.source import dotted
from nbdebug.instruments.watch.reading.written import everything, only_line
from nbdebug.instruments.watch.result import Group, Optimizer, TensorTrack, Track, WatchResult
from nbdebug.instruments.watch.session import watched

DIVERGED = 10.0  # times its first value, that a loss which is lost in a step has not come to before: else the weights were thrown far already
IN_PLACE, DIVIDING = ("div_", "addcdiv_", "sub_", "add_", "mul_", "copy_", "true_divide_"), ("div_", "addcdiv_", "true_divide_")
TINIEST_HALF = 2.0**-25  # what is smaller rounds to 0 in float16


@watched.check(
    "ND709", "update not finite", severity=ERROR,
    advice="keep eps at 1e-8 and weights in float32; look at the learning rate of that step",
)  # fmt: skip
def update_nonfinite(result: WatchResult) -> Iterator[Seen]:
    """A weight that becomes NaN or Inf in an optimizer's step, though the gradients were finite.

    Wrong: the optimizer's own arithmetic fails: 0/0 without eps, an eps that is 0 in float16, a rate that is no number,
        a sum that overflows. From then on the model is lost.
    Seen: at a sampled step all gradients of the optimizer are finite, over all elements, and after its step a weight is not
        that was before; or it steps at a rate that is no number, and the loss is finite until then and never again. NaN that is born in the forward or backward pass is not accused here. Of what the loop itself
        writes to the weights, or an optimizer that is none of torch's: some units of a layer, for all samples alike, are not finite in the step after one in which all was.
    Where: the parameter, its group and the line of the step.
    Try: what is named: eps, the learning rate, or the precision of the weights.
    Bad:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=0.0)
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x * (torch.arange(64) > 0)), y).backward()
            optimizer.step()
    Good:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x * (torch.arange(64) > 0)), y).backward()
            optimizer.step()
    Source: Kingma and Ba, Adam, 2015, on the role of epsilon.
    """
    weights, gradients, updates = ({t.name: t for t in result.tensors_of(w)} for w in ("weight", "gradient", "update"))
    yield from _between_steps(result)
    for optimizer in result.optimizers:
        names = [name for group in optimizer.groups for name in group.parameters if name in weights and name in gradients]
        births = [(step, name) for name in names if (step := _first_bad(weights[name], updates.get(name))) is not None]
        if not births:
            yield from _no_number(result, optimizer)
            continue
        step, name = min(births, key=lambda birth: birth[0])
        if not all(_finite_at(gradients[other], step) for other in names):
            yield from _no_number(result, optimizer)
            continue
        number, group = next((i, g) for i, g in enumerate(optimizer.groups) if name in g.parameters)
        others = sum(born == step for born, _ in births) - 1
        bad, rate = _count_at(weights[name], step), _rate_at(result, optimizer, number, step)
        place = replace(usual_place(result, "step", optimizer.name), parameter=name, detail=f"{optimizer.name}, group {number}")
        yield Seen(
            f"at step {step} {bad:,} of {weights[name].elements:,} elements of `{name}`{f' and {others} more parameters' if others else ''} "
            f"stopped being finite in the optimizer's step; the gradients were finite. {_reason(result, group, rate, optimizer)}",
            place, {"step": step, "elements": bad, "learning_rate": rate, "eps": group.eps},
        )  # fmt: skip


def _no_number(result: WatchResult, optimizer: Optimizer) -> Iterator[Seen]:
    """A step between two looks whose learning rate was no number, under a loss that was finite until then and never again."""
    loss = only_loss(result)
    lost = loss.nonfinite_since() if loss is not None else None
    for number in range(len(optimizer.groups)):
        step = next((s for name in _rate_names(optimizer, number) if name in result.tracks for s, v in _points(result.tracks[name]) if not math.isfinite(v)), None)
        if step is not None and lost == step + 1:
            rate = _rate_at(result, optimizer, number, step)
            yield Seen(
                f"at step {step} `{optimizer.name}` stepped with a learning rate of {rate}; the loss was finite until then, and is not from step {lost} on",
                replace(usual_place(result, "step", optimizer.name), detail=f"{optimizer.name}, group {number}"), {"step": step, "learning_rate": rate},
            )  # fmt: skip
            return


def _between_steps(result: WatchResult) -> Iterator[Seen]:
    """The first bad numbers come out of some units of a layer for all samples alike: the weights of these were made so after the step before, and not by an optimizer of torch's."""
    loss = only_loss(result)
    lost = loss.nonfinite_since() if loss is not None else None
    if loss is None or not lost or max(map(abs, loss.values), default=math.inf) > DIVERGED * abs(loss.values[0]):
        return
    known = [t for t in result.tensors_of("activation") if {lost - 1, lost} <= set(t.steps)]
    others = [t for t in result.tensors if t.what != "activation" and lost - 1 in t.steps]
    bad = [t for t in known if _count_at(t, lost)]
    if not bad or not known or not all(_finite_at(t, lost - 1) for t in (*known, *others)) or not _is_of_units(result, bad[0], _count_at(bad[0], lost)):
        return
    layer, stepped = bad[0], [o for o in result.optimizers if any(name.startswith(f"{bad[0].name}.") for group in o.groups for name in group.parameters)]
    place = usual_place(result, "step", stepped[0].name) if stepped else usual_place(result, "backward")
    by = f"`{stepped[0].name}` left them finite, and what writes to them after its step" if stepped else f"the loop's own update{_named(result)}"
    yield Seen(
        f"weights of `{layer.name}` are not finite at step {lost}: {_count_at(layer, lost):,} of {layer.elements:,} elements of what it gives are not, some units for all samples alike; "
        f"the gradients of step {lost - 1} were finite, {by} made them so",
        replace(only_line(result, _divides_in_place) or place, parameter=f"{layer.name}.weight"), {"step": lost, "elements": _count_at(layer, lost)},
        advice="look for a division by a norm, a root or a running mean that can be 0: clamp it, or add an eps that its dtype can hold",
    )  # fmt: skip


def _is_of_units(result: WatchResult, layer: TensorTrack, count: int) -> bool:
    """Whether so many elements are those of whole units over the batch, and not those of whole samples."""
    loader = training_loader(result)
    rows = loader.batch_size if loader is not None else None
    return bool(rows) and layer.elements % rows == 0 and count % rows == 0 and count < layer.elements and count % (layer.elements // rows) != 0


def _named(result: WatchResult) -> str:
    """The one thing whose `step()` the text calls, where it is no optimizer of torch's."""
    found = {dotted(n.func.value) for s in everything(result) for n in s.nodes() if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "step"}
    return f", `{found.pop()}.step()`," if len(found) == 1 else ""


def _divides_in_place(node: ast.AST) -> bool:
    """Whether it writes to a tensor what was divided by something."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in IN_PLACE:
        return False
    return node.func.attr in DIVIDING or any(isinstance(part, ast.Div) or (isinstance(part, ast.Attribute) and part.attr in ("rsqrt", "reciprocal")) for part in ast.walk(node))


def _first_bad(weight: TensorTrack, update: TensorTrack | None) -> int | None:
    """The first sampled step after which it is not finite, if it was that step's doing."""
    first = next((i for i, count in enumerate(weight.nonfinite) if count), None)
    if first is None or update is None or _finite_at(update, weight.steps[first]):
        return None
    return weight.steps[first]


def _finite_at(track: TensorTrack, step: int) -> bool:
    return _count_at(track, step) == 0


def _count_at(track: TensorTrack, step: int) -> int:
    return next((count for s, count in zip(track.steps, track.nonfinite, strict=True) if s == step), 0)


def _rate_at(result: WatchResult, optimizer: Optimizer, number: int, step: int) -> float:
    track = next((result.tracks[name] for name in _rate_names(optimizer, number) if name in result.tracks), None)
    known = [] if track is None else [v for s, v in _points(track) if s <= step]
    return known[-1] if known else optimizer.groups[number].lr


def _rate_names(optimizer: Optimizer, number: int) -> tuple[str, ...]:
    return f"learning rate {optimizer.name}, group {number}", f"learning rate {optimizer.name}", "learning rate"


def _points(track: Track) -> Iterator[tuple[int, float]]:
    return zip(track.steps, track.values, strict=True)


def _reason(result: WatchResult, group: Group, rate: float, optimizer: Optimizer) -> str:
    half = any(m.dtype == "float16" for m in result.models)
    if not math.isfinite(rate):
        return f"The learning rate was {rate}"
    if optimizer.adaptive and group.eps == 0:
        return "eps is 0, so that a gradient of 0 is divided by 0"
    if optimizer.adaptive and half and group.eps is not None and group.eps < TINIEST_HALF:
        return f"The weights are float16, where eps = {group.eps:g} is 0, so that small gradients are divided by 0"
    return f"The learning rate was {rate:.3g}: {'the weights are float16, which ends at 65504' if half else 'look at what the step computes'}"
