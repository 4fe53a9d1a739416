"""From a bad end back to the birth: which of all that was bad in this step mattered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from nbdebug.listening import plain_path
from nbdebug.nonfinite.origin import Link, Origin
from nbdebug.nonfinite.trace.events import DATA, ENTERED, MET, WEIGHTS, Event, Place
from nbdebug.nonfinite.trace.marks import all_of
from nbdebug.nonfinite.values import bad_places, has_bad, kind, stored
from nbdebug.source_lines import location_fields

EDGES = {"sqrt": "0", "log": "0", "div": "a divisor of 0", "acos": "1 or -1", "asin": "1 or -1", "rsqrt": "0"}  # where a derivative has its pole
MOST = 4096  # births that are looked at, at one end
LONGEST = 12  # stations of a chain that are told: the first eight, the last four


@dataclass(frozen=True)
class End:
    """A loss, the gradient of a parameter, or a buffer, that is not finite."""

    births: tuple[int, ...]
    event: Event | None  # the operator that wrote it
    became: str
    parameter: str = ""  # or the buffer; "" of a loss
    loss_finite: bool = False  # of a gradient: whether the loss it comes from was


@dataclass
class Ends:
    """The bad ends of a step, in the order of time."""

    scale: float = 1.0
    found: list[End] = field(default_factory=list)
    _loss_finite: bool = True

    def losses(self, roots: Iterable[Tensor], recorder: Any) -> None:
        self._loss_finite = True
        for root in roots:
            if root.numel() == 1 and has_bad(root):  # else it is no loss: a gradient was given, which may leave out what is bad
                end = _end(root, recorder)
                if not self._only_scaled(end, recorder):
                    self._loss_finite = False
                    self.found.append(end)

    def gradients(self, models: Iterable[nn.Module], recorder: Any) -> None:
        named = [item for model in models for item in model.named_parameters()]
        known = {end.parameter for end in self.found}
        bad = [(plain_path(name), p.grad) for name, p in named if p.grad is not None and has_bad(p.grad)]
        ends = [_end(gradient, recorder, name, self._loss_finite) for name, gradient in bad if name not in known]
        self.found.extend(sorted(ends, key=lambda end: min(end.births, default=1 << 31)))

    def buffers(self, models: Iterable[nn.Module], recorder: Any) -> None:
        """Statistics that left their range while the step went on; they spoil the weights' next evaluation."""
        known = recorder.finite_buffers
        for name, buffer in (item for model in models for item in model.named_buffers()):
            if id(buffer) in known and has_bad(buffer):
                self.found.append(_end(buffer, recorder, plain_path(name)))

    def _only_scaled(self, end: End, recorder: Any) -> bool:
        """Whether only the factor of the GradScaler made the loss infinite."""
        event = recorder.births.get(end.births[0]) if end.births else None
        return (
            self.scale != 1.0 and event is not None and event.operator.startswith("aten.mul") and not event.in_backward
            and len(event.inputs) > 1 and event.inputs[0].finite and event.inputs[1].maximum == self.scale
        )  # fmt: skip


def _end(tensor: Tensor, recorder: Any, parameter: str = "", loss_finite: bool = False) -> End:
    values = stored(tensor)
    assert values is not None
    places, mark = bad_places(values), recorder.marks.find(tensor)
    births = all_of(recorder.marks.label(tensor), places, most=MOST)
    return End(tuple(births), mark.event if mark else None, kind(values), parameter, loss_finite)


def origin_of(ends: Ends, recorder: Any, step: int, trouble: str) -> Origin | None:
    if not ends.found:
        return None
    end = ends.found[0]
    births = recorder.births
    roots = [_root(births[number], births) for number in end.births if number in births]
    root = min(roots, key=lambda event: (event.legal, event.number), default=None)
    if root is None or (trouble and root.what == ENTERED):
        said = f"the trace lost its way: {trouble}" if trouble else "no operator was seen that made it"
        return Origin("loss" if not end.parameter else "backward", step, "", "", "", None, None, "", said, "unknown", end.became,
                      parameter=end.parameter)  # fmt: skip
    path = _path(end, root, births)
    if end.parameter and end.loss_finite and not root.in_backward and root.what not in (DATA, WEIGHTS):
        return _hidden(end, root, path, step)
    return _told(end, root, path, step)


def _root(event: Event, births: dict[int, Event]) -> Event:
    """The birth that is to blame: of infinities that met the one that was computed; of legal ones the meeting."""
    if event.what != MET:
        return event
    parents = [_root(births[number], births) for number in event.parents if number in births]
    masked = event.cause == "masked row"
    guilty = [p for p in parents if not p.legal and not (masked and (p.what == DATA or p.carried))]
    return min(guilty, key=lambda e: e.number) if guilty else event


def _path(end: End, root: Event, births: dict[int, Event]) -> list[Event]:
    """From the birth (of a meeting: from what met) to the end."""
    wanted, ahead = _births_behind(root, births), end.event
    path: list[Event] = []
    while ahead is not None and ahead not in path:
        path.append(ahead)
        if ahead is root and root.what != MET:
            break
        nearer = [source for source in ahead.sources if wanted & set(source.births)]
        ahead = min(nearer, key=lambda source: root.number not in source.births, default=None)
    return path[::-1]


def _births_behind(root: Event, births: dict[int, Event]) -> set[int]:
    """Every birth that comes from this one by meeting, itself, and what it came from."""
    found = {root.number, *root.parents}
    for number, event in births.items():  # in the order of time
        if found & set(event.parents):
            found.add(number)
    return found


def _told(end: End, root: Event, path: list[Event], step: int) -> Origin:
    phase = {DATA: "data", WEIGHTS: "optimizer"}.get(root.what, root.place.phase)
    if root.node:
        place, operator, detail = _derivative(root, end)
    elif root.legal and path[-1:] and path[-1] is not root:
        return _origin(path[-1].place.phase, path[-1].operator, path[-1].place, _reached(root), root, end, path, step)
    else:
        place, operator, detail = root.place, root.operator, root.detail
    return _origin(phase, operator, place, detail, root, end, path, step)


def _derivative(root: Event, end: End) -> tuple[Place, str, str]:
    """Place, operator and detail of a birth in the backward pass: those of the operator whose derivative it is."""
    forward = root.forward
    if forward is None:  # the node that adds a gradient to what is there
        said = "in a hook on a gradient" if root.own else f"the gradients of {end.parameter} added up"
        return root.place, root.operator, f"{said}: {root.detail}"
    place = replace(forward.place, phase="backward")
    if root.own == "function":
        applied = f", applied on line {forward.applied.line}" if forward.applied else ""
        return replace(place, line=root.place.line), root.operator, f"in the backward of {root.node.removesuffix('Backward')}{applied}: {root.detail}"
    if root.own:
        return replace(place, line=root.place.line), root.operator, f"in a hook on a gradient: {root.detail}"
    name = _plain(forward.operator)
    edge = f" at {EDGES[name]}" if root.cause == "domain" and name in EDGES else ""
    return place, forward.operator, f"{root.node}: the derivative of {name}{edge} is not finite ({root.detail})"


def _reached(root: Event) -> str:
    """Of an infinity that somebody wrote on purpose, and that nothing took out again."""
    line = f" on line {root.place.line.line}" if root.place.line else ""
    return f"{root.became} reaches the loss here, which is written by {_plain(root.operator)}{line}" if root.operator else root.detail


def _plain(operator: str) -> str:
    """`aten.sqrt.default` → `sqrt`."""
    return operator.split(".")[1].strip("_") if "." in operator else operator


def _hidden(end: End, root: Event, path: list[Event], step: int) -> Origin:
    """What was bad in the forward pass and did not reach the loss, but meets the gradient in the backward pass."""
    first = next((event for event in path if event.in_backward and event.forward is not None), None)
    if first is None or first.forward is None:
        return _told(end, root, path, step)
    place = replace(first.forward.place, phase="backward")
    detail = f"{first.node}: its gradient meets what the loss never saw ({root.detail or root.became})"
    return _origin("backward", first.forward.operator, place, detail, root, end, path, step)


def _origin(phase: str, operator: str, place: Place, detail: str, root: Event, end: End, path: list[Event], step: int) -> Origin:
    fields = {"file": "", "line": None, "cell": None, **location_fields(place.line)}
    return Origin(
        phase=phase, step=step, operator=operator, module=place.module, **fields, text=place.line.text if place.line else "",
        detail=detail, cause=root.cause, became=root.became, chain=_chain(path), parameter=end.parameter, sample=root.sample,
        column=root.column, remedy=root.remedy,
    )  # fmt: skip


def _chain(path: list[Event]) -> tuple[Link, ...]:
    links = [_link(event) for event in path]
    return tuple(links if len(links) <= LONGEST else links[: LONGEST - 4] + links[-4:])


def _link(event: Event) -> Link:
    place = event.place
    if event.in_backward and event.forward is not None and not event.own:
        place = replace(event.forward.place, phase="backward")
    fields = {"file": "", "line": None, "cell": None, **location_fields(place.line)}
    return Link(
        phase=place.phase, operator=event.operator, module=place.module, **fields, text=place.line.text if place.line else "",
        became=event.became, inputs=event.inputs, output=event.output,
    )  # fmt: skip


