"""Checks of the wiring: parameters that hide, that are not used, not reached or not moved."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.first_step.instrument import first_step
from nbdebug.instruments.first_step.result import Cut, FirstStep, ParameterRow
from nbdebug.instruments.first_step.wiring import place_of

OPPONENT = re.compile(r"d|q\d?|(?:net|model)_?d|.*(?:critic|discrim|oppon|advers).*|disc", re.I)  # moved by an optimizer of its own


@first_step.check(
    "ND203", "parameters not registered", severity=ERROR, advice="keep layers in nn.ModuleList or nn.ModuleDict"
)
def parameter_unregistered(step: FirstStep) -> Iterator[Seen]:
    """Layers in a plain list, dict or tuple: `model.parameters()` does not know them.

    Wrong: the optimizer never gets these weights, `.to(device)` and `state_dict()` skip them, and they stay random.
    Seen: during the backward pass a gradient arrived at a tensor that hides in a plain attribute of a module, and no
        optimizer owns it. A teacher kept in a list without gradients is not accused.
    Where: the module and the attribute.
    Try: wrap the list in nn.ModuleList, the dict in nn.ModuleDict, a lone tensor in nn.Parameter.
    Bad:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = [nn.Linear(64, 32), nn.Linear(32, 32)]
                self.head = nn.Linear(32, 10)
            def forward(self, x):
                for layer in self.layers:
                    x = layer(x).relu()
                return self.head(x)
        model = Net()
    Good:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = nn.ModuleList([nn.Linear(64, 32), nn.Linear(32, 32)])
                self.head = nn.Linear(32, 10)
            def forward(self, x):
                for layer in self.layers:
                    x = layer(x).relu()
                return self.head(x)
        model = Net()
    Source: torch documentation, nn.ModuleList.
    """
    _demand_backward(step)
    lost = [hidden for hidden in step.hidden if not hidden.optimised]
    for (module, attribute), group in groupby(lost, key=lambda h: (h.module, h.attribute.split("[")[0].split(".")[0])):
        tensors = list(group)
        first, them = tensors[0], "it" if len(tensors) == 1 else "them"
        where = f"in the plain attribute `{attribute}`" if attribute else "that no attribute of the model holds"
        yield Seen(
            f"{_counted(len(tensors), 'tensor')} {where} got a gradient, but model.parameters() does not list {them} "
            f"and no optimizer moves {them} (first: {f'{first.attribute} {first.shape}'.strip()})",
            Location(module=module, detail=f"attribute {first.attribute}") if attribute else first.location,
            {"tensors": len(tensors)},
            advice=_register(attribute, first.attribute),
        )


@first_step.check(
    "ND206", "parameter never used", severity=WARNING, advice="call the layer in forward(), or delete it"
)
def parameter_unused(step: FirstStep) -> Iterator[Seen]:
    """A registered layer that the forward pass never reaches.

    Wrong: the layer was built and forgotten, so the model is not the one that was meant (and DDP waits for it).
    Seen: its parameters took part in no operation of a training step, and no method but the constructor (nor any
        function or cell around it) speaks of the layer. A head that some other method uses is not accused,
        nor a layer that three more passes in train mode or one in eval mode use (layers dropped at random), or a step on another
        batch (experts that a gate chooses).
        Layers of a list that no step of four batches calls, while the others of it feed one another in each, are accused as well,
        but where the code speaks of early exits, growth or dropped layers.
        A layer that runs is accused where its result reaches neither the loss nor an output, a buffer or an attribute.
    Where: the parameter.
    Try: call it in forward(), or delete it.
    Bad:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.middle, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)
            def forward(self, x):
                return self.head(self.first(x).relu())
        model = Net()
    Good:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.middle, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)
            def forward(self, x):
                return self.head(self.middle(self.first(x).relu()).relu())
        model = Net()
    Source: torch documentation, DistributedDataParallel (find_unused_parameters).
    """
    _demand_backward(step)
    idle = [p for p in step.parameters if p.trainable and not p.used and not p.chosen]
    for one in step.skipped:
        left = tuple(f"{one.owner}.{name}" for name in one.names)
        rows = [row for row in idle if row.name.startswith(tuple(f"{path}." for path in left))]
        how = "feed one another" if one.chained else "get the same input"
        yield Seen(
            f"{' and '.join(f'`{path}`' for path in left)} took no part in the steps of several batches, while {', '.join(f'`{one.owner}.{name}`' for name in one.called)} "
            f"of the same list {how} in each of them", Location(module=left[0], parameter=rows[0].name), {"tensors": len(rows)},
            advice="does the loop over the list end too early? call all of it, or build fewer",
        )  # fmt: skip
        idle = [row for row in idle if row not in rows]
    parts = [found for mentioned in (False, True) for found in _whole_parts(step, [row for row in idle if row.mentioned is mentioned])]
    for places in _alike(parts):
        part, rows = places[0]
        more = f" (nor did {len(places) - 1} more of its name)" if len(places) > 1 else ""
        message = f"{_with_inner(part, rows)} took no part in this training step{more}"
        tensors = sum(len(held) for _, held in places)
        place = place_of(rows[0]) if rows[0].name.rpartition(".")[0] in ("", part) else Location(module=part)
        if not rows[0].mentioned:
            yield Seen(f"{message}, and no method but __init__ speaks of it", place, {"tensors": tensors})
        else:
            owner, _, number = part.rpartition(".")
            chosen = number.isdigit() and any(p.used or p.chosen for p in step.parameters if p.name.startswith(f"{owner}."))
            why = f"others of `{owner}` did: a gate may choose among them, and not these yet" if chosen else "other code uses it, perhaps only for inference"
            yield Seen(f"{message}; {why}", place, severity=INFO, advice="meant, as of experts that no sample went to? else call it in forward()" if chosen else None)
    for part, rows in _whole_parts(step, [p for p in step.parameters if p.trainable and p.discarded]):
        yield Seen(
            f"`{part}` runs, and what it gives goes nowhere: neither the loss nor any output of the model depends on it",
            Location(module=part) if part != rows[0].name else place_of(rows[0]), {"tensors": len(rows)}, advice="use its result in forward(), or delete it",
        )  # fmt: skip


@first_step.check(
    "ND501", "gradient cut off", severity=ERROR, advice="keep the path to the loss free of detach, .data, no_grad, argmax"
)
def gradient_absent(step: FirstStep) -> Iterator[Seen]:
    """A trainable parameter that is used, and gets no gradient.

    Wrong: between the parameter and the loss the graph is cut, so the parameter cannot learn.
    Seen: after a real backward pass the gradient is absent, or it is zero because an operation without a slope (round, sign, a
        clamp that every value is outside of) got one and passed on zeros, or zero although a small step in it moves the loss, and one back
        moves it as far the other way (a part of the loss went through .item()). The first operation is named whose inputs
        wanted gradients and whose output does not. Parameters that no optimizer owns are left alone (a target
        network), and so is an optimizer none of whose parameters got a gradient beside others that did (a GAN). Told as well:
        `module.requires_grad = True`, which sets a plain attribute that nothing reads.
    Where: the line and operator of the cut, and the parameters behind it.
    Try: remove detach(), .data, .item(), torch.tensor(x), no_grad() or argmax() from the way to the loss; if it is
        meant to be frozen, say so with requires_grad_(False).
    Bad:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
            def forward(self, x):
                return self.head(self.body(x).relu().detach())
        model = Net()
    Good:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
            def forward(self, x):
                return self.head(self.body(x).relu())
        model = Net()
    Source: torch documentation, Autograd mechanics.
    """
    _demand_step(step)
    if not step.parameters and not step.loss_wants_gradient:
        yield Seen("the model has no parameters, so there is nothing to learn", advice="give it layers with weights")
        return
    if step.parameters and not any(p.trainable for p in step.parameters):
        yield Seen(
            "every parameter of the model has requires_grad=False, so nothing can learn",
            place_of(step.parameters[0]),
            {"parameters": len(step.parameters)},
            advice="model.requires_grad_(True), or leave at least the head trainable",
        )
        return
    for switch in step.unheeded:
        yield Seen(switch.sentence(), switch.location(), {"parameters": len(switch.parameters)}, ERROR if switch.value else WARNING, switch.advice())
    silent = [p for p in step.parameters if p.trainable and p.used and (p.gradient is None or p.cut is not None or p.lost) and _is_expected_to_learn(step, p)]
    for cut, rows in _by_cut(step, silent):
        names = _names(rows)
        if cut is None:
            if step.loss_wants_gradient and any(row.lost for row in rows):
                yield Seen(f"no gradient reaches {_names(rows)}, and the loss moves with {'it' if len(rows) == 1 else 'them'}: on the way it is taken out of the graph, as by torch.tensor(...) or float(...)",
                           place_of(rows[0]), {"parameters": len(rows)})  # fmt: skip
            if step.loss_wants_gradient:
                continue  # used, but its result is no part of this loss: an output for inference
            yield Seen(f"the loss has no graph: no gradient reaches {names}", place_of(rows[0]), {"parameters": len(rows)})
            continue
        how = cut.operator if cut.grad_enabled else "a torch.no_grad() block"
        flat = f"the gradient of {names} is zero: {how} is flat, and nothing passes back through it"
        straight = "a straight-through estimator: z + (q - z).detach()" if cut.flat else None
        yield Seen(
            flat if cut.flat else f"no gradient reaches {names}: {how} cuts the graph between them and the loss",
            Location(
                module=cut.location.module, parameter=rows[0].name, operator=cut.operator, file=cut.location.file,
                line=cut.location.line, cell=cut.location.cell, detail=_counted(len(rows), "parameter"),
            ),
            {"parameters": len(rows)},
            INFO if cut.as_target else None,
            "harmless for a teacher or a target network: requires_grad_(False) says that it is one" if cut.as_target else straight,
        )  # fmt: skip


@first_step.check(
    "ND601", "parameter not in the optimizer", severity=ERROR,
    advice="build the optimizer last, from model.parameters() of the finished model",
)  # fmt: skip
def parameter_not_optimised(step: FirstStep) -> Iterator[Seen]:
    """A parameter that gets gradients, and that no optimizer moves.

    Wrong: the optimizer was built before a layer was replaced, or from a part of the model, so these weights stay
        as they are.
    Seen: the parameter gets a gradient and is in no parameter group. When the optimizer at the same time owns
        tensors that the model does not have, it was built for an earlier model. Parameters that lie before
        everything that is optimised count as a trunk frozen on purpose (info), and so does a majority, what is used
        only outside of the model's own call, such as the critic of a generator, and a whole part that is called so.
    Where: the parameter, and the line that builds the optimizer when only one can be meant.
    Try: build the optimizer last, or optimizer.add_param_group({"params": ...}).
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        model[2] = nn.Linear(32, 10)
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5))
        model[2] = nn.Linear(32, 10)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    Source: torch documentation, torch.optim: constructing it.
    """
    _demand_backward(step)
    if not step.optimizers:
        raise NotChecked("no optimizer was given")
    left_out = [p for p in step.parameters if p.trainable and p.gradient is not None and p.optimizer is None]
    if not left_out:
        return
    owned = [p for p in step.parameters if p.optimizer is not None]
    stale = f"; instead, {step.foreign} tensors are held that are not in this model" if step.foreign else ""
    evidence = {"left_out": len(left_out), "owned": len(owned), "foreign": step.foreign}
    message = f"{_names(left_out)} {'get' if len(left_out) > 1 else 'gets'} a gradient, but no optimizer holds {'them' if len(left_out) > 1 else 'it'}{stale}"
    place = place_of(left_out[0], step.optimizer_built)
    if not owned:
        advice = "this optimizer was built for another model: build it from this model's parameters()"
        yield Seen(message, place, evidence, advice=advice)
    elif step.foreign:
        yield Seen(message, place, evidence)
    elif step.misnamed and not _lie_before(left_out, owned):
        words = " and ".join(f'"{word}"' for word in step.misnamed)
        yield Seen(
            f"{message}: the code picks parameters by {words}, and none of this model has that in its name", place_of(left_out[0], step.misnamed_at if step.misnamed_at.line else step.optimizer_built),
            {**evidence, "misnamed": ", ".join(step.misnamed)}, WARNING, "print what each group holds, or give the optimizer the rest as well",
        )  # fmt: skip
    elif _is_frozen_on_purpose(left_out, owned):
        yield Seen(f"{message}: frozen on purpose?", place, evidence, severity=INFO,
                   advice="requires_grad_(False) on what is frozen saves its backward pass")  # fmt: skip
    else:
        yield Seen(message, place, evidence, severity=WARNING)


def _is_frozen_on_purpose(left_out: list[ParameterRow], owned: list[ParameterRow]) -> bool:
    """A trunk before everything that is trained, or all but a few: both are ways to fine-tune."""
    before = _lie_before(left_out, owned)
    parts = {p.name.partition(".")[0] for p in left_out}
    whole = parts.isdisjoint(p.name.partition(".")[0] for p in owned)
    critic = all(p.outside for p in left_out) or (whole and all(OPPONENT.fullmatch(part) for part in parts))
    return before or critic or _weights(left_out) > _weights(owned)


def _lie_before(left_out: list[ParameterRow], owned: list[ParameterRow]) -> bool:
    """Whether all of them are used before everything that is trained, as a trunk is."""
    used = [p.order for p in owned if p.order >= 0]
    return bool(used) and max(p.order for p in left_out) < min(used)


def _weights(rows: list[ParameterRow]) -> int:
    return sum(math.prod(row.shape) for row in rows)


def _register(attribute: str, first: str) -> str | None:
    if not attribute:
        return "make the layer once, in __init__, and call it from there"
    return f"self.{attribute} = nn.Parameter(...)" if first == attribute else None


def _by_cut(step: FirstStep, rows: list[ParameterRow]) -> Iterator[tuple[Cut | None, list[ParameterRow]]]:
    """The parameters behind each cut; what a line runs under no_grad is cut once."""
    groups: dict[Any, tuple[Cut | None, list[ParameterRow]]] = {}
    for row in sorted(rows, key=lambda p: -1 if p.cut is None else p.cut):
        cut = None if row.cut is None else step.cuts[row.cut]
        one_block = cut is not None and not cut.grad_enabled and cut.location.line is not None
        place = (cut.location.file, cut.location.cell, cut.location.line) if one_block else row.cut
        groups.setdefault(place, (cut, []))[1].append(row)
    yield from groups.values()


def _is_expected_to_learn(step: FirstStep, row: ParameterRow) -> bool:
    if not step.optimizers:
        return True
    if row.optimizer is None:
        return False
    mine = [p for p in step.parameters if p.optimizer == row.optimizer]
    return step.optimizers == 1 or not step.loss_wants_gradient or any(p.gradient is not None for p in mine)


def _with_inner(part: str, rows: list[ParameterRow]) -> str:
    """`fc` (weight, bias); of a whole block the first few."""
    inner = [row.name.removeprefix(f"{part}.") for row in rows]
    return f"`{part}`" if inner == [part] else f"`{part}` ({', '.join(inner[:4])}{' …' if len(inner) > 4 else ''})"


def _alike(groups: Iterable[tuple[str, list[ParameterRow]]]) -> Iterator[list[tuple[str, list[ParameterRow]]]]:
    """Modules of one name in blocks, or in a list whose members are used elsewhere, that differ by their number alone, and of which the same is said."""
    found: dict[Any, list[tuple[str, list[ParameterRow]]]] = {}
    for module, rows in groups:
        said = (re.sub(r"\.\d+\.", ".#.", f".{module}."), any(row.mentioned for row in rows))
        found.setdefault(said if ".#." in said[0][:-3] or said[1] else module, []).append((module, rows))
    yield from found.values()


def _whole_parts(step: FirstStep, rows: list[ParameterRow]) -> Iterator[tuple[str, list[ParameterRow]]]:
    """These parameters by the largest part of the model that holds no other; a lone one by its own name."""
    names = {row.name for row in rows}

    def part(row: ParameterRow) -> str:
        steps = row.name.split(".")
        prefixes = (".".join(steps[:depth]) for depth in range(1, len(steps) + 1))
        return next(prefix for prefix in prefixes if all(p.name in names for p in step.parameters if f"{p.name}.".startswith(f"{prefix}.")))

    for name, group in groupby(rows, key=part):
        yield name, list(group)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _names(rows: list[ParameterRow]) -> str:
    return " and ".join(row.name for row in rows) if len(rows) < 3 else f"{rows[0].name} and {len(rows) - 1} more"


def _demand_step(step: FirstStep) -> None:
    if step.crash is not None:
        raise NotChecked(f"the step raised in {step.crash.phase} ({step.crash.error})")


def _demand_backward(step: FirstStep) -> None:
    _demand_step(step)
    if not step.loss_wants_gradient:
        raise NotChecked("the loss has no graph, so there was no backward pass")
