"""A weight, or an optimizer's state, that stops being finite in the update: which quantity did it, found by changing one at a time.

The step is repeated on copies, once as it was and then with one thing changed: eps, the learning rate, the momentum, a fresh state, double
precision. What makes it finite is the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer

from nbdebug.nonfinite.finite import has_nonfinite
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.origin import Link, Origin
from nbdebug.nonfinite.quantities import changes, suspect
from nbdebug.nonfinite.twin import FirstBad, Twin, is_ruined, moments
from nbdebug.nonfinite.values import kind
from nbdebug.source_lines import location_fields


def update_origin(
    optimizers: Iterable[Optimizer], before: Snapshot | None, names: Mapping[int, str], step: int, place: Mapping[str, Any] | None = None
) -> Origin | None:
    """What in the update made a weight or a state NaN or infinite.

    Args:
        before: what the step started from, with weights. It is restored here; the gradients stay as they are now, which are those of the
            step. None: weights and states are those after the step, and are only read.
        names: id of a parameter → its name.
        place: file, line, cell and text of the step, for an optimizer that is not the user's own code.

    Returns:
        None when the update, repeated, is finite; or, without `before`, when no weight and no state is bad.
    """
    held = tuple(optimizers)
    if before is not None:
        _stand_before_it(held, before)
    for number, optimizer in enumerate(held):
        shown = type(optimizer).__name__ + (f" {number}" if len(held) > 1 else "")
        found = _read(optimizer, names, shown) if before is None else _repeated(optimizer, names, shown)
        if found is not None:
            return _origin(found, step, dict(place or {}))
    return None


@dataclass(frozen=True)
class _Found:
    """The first parameter of an optimizer that is bad after the step, and why."""

    parameter: str
    group: int
    became: str
    detail: str
    cause: str = "unknown"
    remedy: str = ""
    link: Link | None = None  # the operator inside of the step


def _stand_before_it(optimizers: Iterable[Optimizer], before: Snapshot) -> None:
    gradients = [(p, p.grad) for o in optimizers for group in o.param_groups for p in group["params"]]
    before.restore()
    for parameter, gradient in gradients:
        parameter.grad = gradient


# -- by experiment ------------------------------------------------------------------------------------------------------


def _repeated(optimizer: Optimizer, names: Mapping[int, str], shown: str) -> _Found | None:
    twin = Twin.of(optimizer)
    if twin is None:
        return None
    already = {(g, i) for g, i in twin.bad()}
    with FirstBad(twin) as first:
        twin.step()
    bad = [place for place in twin.bad() if place not in already] or ([] if not already else sorted(already))
    if not bad:
        return None
    group, index = bad[0]
    parameter = optimizer.param_groups[group]["params"][index]
    became = twin.became(group, index)
    state = twin.bad_states(group, index)
    known = {
        "parameter": names.get(id(parameter), f"parameter {index}"), "group": group, "became": became,
        "link": _link(first, became, names.get(id(parameter), "")),
    }  # fmt: skip
    where = f"{shown}, group {group}"
    for change in changes(optimizer, group, parameter):
        other = Twin.of(optimizer, double=change.double)
        if other is None:
            continue
        change.apply(other, group)
        other.step()
        if (group, index) not in other.bad():
            ruined = f", and {state[0]} is not finite" if state and change.quantity == "range" else ""
            return _Found(**known, detail=f"{where}: {change.said}{ruined}", cause=change.cause, remedy=f"{change.remedy} it is finite")
    said = f"{where}: {', '.join(state)} is not finite" if state else where
    return _Found(**known, detail=said, cause="domain" if first.operator.split(".")[1:2] in (["div"], ["reciprocal"]) else "unknown")


# -- read after the fact ------------------------------------------------------------------------------------------------


def _read(optimizer: Optimizer, names: Mapping[int, str], shown: str) -> _Found | None:
    for number, group in enumerate(optimizer.param_groups):
        for index, parameter in enumerate(group["params"]):
            states = [key for key, t in moments(parameter, optimizer.state.get(parameter)) if is_ruined(optimizer, t)]
            if not has_nonfinite(parameter) and not states:
                continue
            became = kind(parameter) or kind(optimizer.state[parameter][states[0]])
            quantity, cause = suspect(group, parameter)
            said = quantity or (f"{states[0]} is not finite" if states else "")
            return _Found(
                names.get(id(parameter), f"parameter {index}"), number, became,
                f"{shown}, group {number}{f': {said}' if said else ''}", cause,
            )  # fmt: skip
    return None


# -- what is told -------------------------------------------------------------------------------------------------------


def _origin(found: _Found, step: int, place: dict[str, Any]) -> Origin:
    link = found.link
    if link is not None and link.line is not None:
        place = {"file": link.file, "line": link.line, "cell": link.cell, "text": link.text}
    spot = {"file": "", "line": None, "cell": None, "text": ""} | place
    return Origin(
        phase="optimizer", step=step, operator=link.operator if link else "", module="", **spot, detail=found.detail,
        cause=found.cause, became=found.became, chain=() if link is None else (link,), parameter=found.parameter, group=found.group,
        remedy=found.remedy,
    )  # fmt: skip


def _link(first: FirstBad, became: str, parameter: str) -> Link | None:
    if not first.operator:
        return None
    line = first.line
    spot = {"file": "", "line": None, "cell": None} | location_fields(line)
    text = line.text if line is not None else ""
    return Link("optimizer", first.operator, "", **spot, text=text, became=first.became or became, inputs=first.inputs, output=first.output)
