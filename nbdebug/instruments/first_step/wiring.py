"""Parameter × gradient × optimizer: who is used, who learns, who is moved, and where a gradient is cut off."""

from __future__ import annotations

import contextlib
import math
import re
import sys
import types
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.batch import own_loss
from nbdebug.counterfactual import Counterfactual, trainable
from nbdebug.errors import NbdebugError
from nbdebug.findings import Location
from nbdebug.instruments.first_step.discarded import discarded
from nbdebug.instruments.first_step.hidden import hidden
from nbdebug.instruments.first_step.result import Cut, ParameterRow
from nbdebug.instruments.first_step.sloped import that_slope
from nbdebug.lines.built import line_that_builds
from nbdebug.lines.picked import names_that_fit_nothing
from nbdebug.lines.switched_off import line_that_switches_off
from nbdebug.listening import LEAVES_TORCH, Call, Tape, plain_path
from nbdebug.source_lines import location_fields
from nbdebug.tensor_stats import rms
from nbdebug.training_setup import TrainingSetup
from nbdebug.unheeded import unheeded

NOWHERE = Location()


def wiring(setup: TrainingSetup, batch: Any, tape: Tape, loss: Tensor, flat: list[Call]) -> dict[str, Any]:
    """The fields of FirstStep that tell how parameters, gradients and optimizers hang together.

    Args:
        flat: calls through which a gradient passes as zeros.
    """
    owners = {id(p): i for i, o in enumerate(setup.optimizers) for group in o.param_groups for p in group["params"]}
    named = {id(p): plain_path(name) for name, p in setup.model.named_parameters()}
    first_use = _first_use(tape)
    silent = {n: p for n, p in trainable(setup.model) if p.grad is None and id(p) in first_use}
    still = {n: p for n, p in trainable(setup.model) if p.grad is not None and rms(p.grad) == 0}
    flat_of = _cut_of(tape, flat, {id(p) for p in still.values()})
    sloped = that_slope(setup, batch, {n: p for n, p in still.items() if id(p) not in flat_of})
    lost = _that_matter(setup, batch, silent) | sloped
    cuts = _cuts(tape, loss, lost)
    cut_of = _cut_of(tape, cuts, {id(p) for p in silent.values()} | sloped)
    cut_of.update((parameter, len(cuts) + place) for parameter, place in flat_of.items())
    in_call = _used_in_call(tape)
    nowhere = discarded(setup.model, tape, (p for p in silent.values() if id(p) not in cut_of))
    spoken = _Mentions(setup, tape)
    scale = setup.scale()
    rows = tuple(
        ParameterRow(
            name=plain_path(name),
            shape=tuple(p.shape),
            trainable=p.requires_grad,
            used=id(p) in first_use or p.grad is not None,
            order=first_use.get(id(p), -1),
            outside=id(p) in first_use and id(p) not in in_call,
            gradient=None if p.grad is None else rms(p.grad) / scale,
            optimizer=owners.get(id(p)),
            cut=cut_of.get(id(p)) if p.grad is None or id(p) in flat_of or id(p) in sloped else None,
            lost=id(p) in lost,
            mentioned=id(p) in first_use or spoken.of(name),
            discarded=id(p) in nowhere,
        )
        for name, p in setup.model.named_parameters()
    )
    left_out = any(row.trainable and row.gradient is not None and row.optimizer is None for row in rows)
    misnamed, line = names_that_fit_nothing(setup.model) if left_out and setup.optimizers else ((), None)
    known = {id(p) for p in setup.loss_fn.parameters()} if isinstance(setup.loss_fn, nn.Module) else set()
    return {
        "parameters": rows,
        "optimizer_built": _built(setup.optimizers[0]) if setup.optimizers else Location(),
        "misnamed": misnamed,
        "misnamed_at": Location(**location_fields(line)),
        "unheeded": unheeded(setup.model),
        "foreign": sum(1 for key in owners if key not in named and key not in known),
        "cuts": (
            *(Cut(call.operator, call.grad_enabled, _place(setup.model, call, place, cut_of), as_target=_is_target(tape, call)) for place, call in enumerate(cuts)),
            *(Cut(call.operator, True, call.location, flat=True) for call in flat),
        ),
        "hidden": tuple(hidden(setup.model, tape, known=set(named) | known, owners=set(owners))),
    }


def _built(optimizer: Optimizer) -> Location:
    return Location(**location_fields(line_that_builds(type(optimizer).__name__)))


def _place(model: nn.Module, cut: Call, place: int, cut_of: dict[int, int]) -> Location:
    """Of a call under no_grad the line that says so around the part of the model it belongs to, if it is the only one."""
    behind = next((name for name, p in model.named_parameters() if cut_of.get(id(p)) == place), None)
    if cut.grad_enabled or behind is None:
        return cut.location
    line = line_that_switches_off(model, plain_path(behind))
    return cut.location if line is None else replace(cut.location, **location_fields(line))


@contextlib.contextmanager
def borrowed_leaves(tape: Tape) -> Iterator[None]:
    """Takes the gradients of every leaf the step met, registered or not, and hands them back."""
    leaves = {id(t): t for call in tape.calls for t in call.inputs() if t.is_leaf and t.requires_grad}
    saved = [(leaf, leaf.grad) for leaf in leaves.values()]
    for leaf, _ in saved:
        leaf.grad = None
    try:
        yield
    finally:
        for leaf, gradient in saved:
            leaf.grad = gradient


def _first_use(tape: Tape) -> dict[int, int]:
    first: dict[int, int] = {}
    for call in tape.calls:
        for tensor in call.inputs():
            if isinstance(tensor, nn.Parameter):
                first.setdefault(id(tensor), call.index)
    return first


def _used_in_call(tape: Tape) -> set[int]:
    """ids of the parameters that calls of the model itself used; of all, when it is never called as a whole."""
    roots = [call for call in tape.modules if call.module is tape.model and call.returned]
    spans = [tape.calls[root.first : root.last] for root in roots] or [tape.calls]
    return {id(t) for span in spans for call in span for t in call.inputs() if isinstance(t, nn.Parameter)}


def _cuts(tape: Tape, loss: Tensor, lost: set[int]) -> list[Call]:
    """Calls that stop a gradient on its way from the loss, in the order of the forward pass.

    Args:
        lost: ids of the parameters that move the loss by a way that the tape does not show, such as through NumPy.
    """
    toward_loss = tape.ancestors(loss)
    stops = [call for call in tape.calls if _stops_gradient(call)]
    after_lost = _cut_of(tape, stops, lost).values()
    off_the_tape = {stops[position].index for position in after_lost}
    return [c for c in stops if c.index in toward_loss | off_the_tape or c.name in LEAVES_TORCH]


def _that_matter(setup: TrainingSetup, batch: Any, silent: dict[str, nn.Parameter]) -> set[int]:
    """ids of those parameters without a gradient that move the loss all the same when they are moved."""
    same_batch = Counterfactual(setup, batch)

    def loss(names: Iterable[str]) -> float:
        generator = torch.Generator().manual_seed(0)
        moved = {n: silent[n].detach() + torch.randn(silent[n].shape, generator=generator).to(silent[n]) for n in names}
        return same_batch.value(moved)

    def moves(names: Iterable[str]) -> bool:
        return not math.isclose(loss(names), now, rel_tol=1e-6)

    try:
        now = loss(()) if silent else math.nan
        if not math.isfinite(now) or moves(()) or not moves(silent):
            return set()
        return {id(silent[name]) for name in silent if moves([name])}
    except NbdebugError:  # a step that does not bear other weights
        return set()


def _is_target(tape: Tape, cut: Call) -> bool:
    """Whether what is made of it meets the gradient's way only outside of the model, and no weight is used after that."""
    root = tape.root
    if all(t.ndim == 0 for t in cut.inputs() if t.requires_grad):
        return False  # a part of the loss, not what an output is compared with
    makes_loss = root is not None and own_loss(root.output) is not None  # then the model is where the loss is
    after, met = {cut.index}, False
    for call in tape.calls[cut.index + 1 :]:
        if after.intersection(call.parents):
            after.add(call.index)
            if any(t.requires_grad for t in call.outputs()):
                met = True
                if (call.in_model and not makes_loss) or any(isinstance(t, nn.Parameter) for t in call.inputs()):
                    return False
    return met


def _stops_gradient(call: Call) -> bool:
    wanting = [t for t in call.inputs() if t.requires_grad]
    if not wanting or call.name in ("grad", "requires_grad_"):
        return False
    return not any(t.requires_grad for t in call.outputs())


def _cut_of(tape: Tape, cuts: list[Call], silent: set[int]) -> dict[int, int]:
    """id of a parameter without gradient → index of the first cut among the calls that descend from it."""
    if not silent:
        return {}
    reached_by: dict[int, set[int]] = {}  # call → parameters it descends from
    places = {call.index: position for position, call in enumerate(cuts)}
    found: dict[int, int] = {}
    for call in tape.calls:
        roots = {id(t) for t in call.inputs()} & silent
        roots = roots.union(*(reached_by[parent] for parent in call.parents if parent >= 0))
        reached_by[call.index] = roots
        if call.index in places:
            for root in roots:
                found.setdefault(root, places[call.index])
    return found


# -- layers that nobody speaks of -----------------------------------------------------------------------------


class _Mentions:
    """Whether some code other than a constructor speaks of the layer that a parameter belongs to."""

    def __init__(self, setup: TrainingSetup, tape: Tape) -> None:
        self.modules = {name: module for name, module in setup.model.named_modules()}
        self.called = {id(call.module) for call in tape.modules}
        self.running = self.called | {id(m) for m in setup.model.modules() if self.called.intersection(map(id, m.modules()))}
        self.outside = _words_of(setup.batch_loss) | _words_of(setup.loss_fn) | _words_around(setup.model)
        self._words: dict[type, set[str]] = {}

    def of(self, parameter: str) -> bool:
        """Walks up from the parameter to the first module of the user's that ran, or of which a part ran, and asks whether it speaks of the way down.

        What a module says of its own parts tells nothing as long as nobody calls it.
        """
        path, _, attribute = parameter.rpartition(".")
        while True:
            module = self.modules[path]
            kind = type(module)
            if kind not in self._words:
                self._words[kind] = _words_in_class(kind)
            if attribute in self.outside or (attribute in self._words[kind] and (id(module) in self.running or not path)):
                return True
            own_class = not kind.__module__.startswith("torch.nn")
            if (id(module) in self.called and own_class) or not path:
                return False
            path, _, attribute = path.rpartition(".")


def _words_in_class(kind: type) -> set[str]:
    words: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.startswith("torch.") or base is object:
            continue
        for name, member in vars(base).items():
            if name != "__init__":
                words |= _words_of(member)
    return words


def _words_around(model: nn.Module) -> set[str]:
    """Names used by the functions of the module or notebook where the model's class was written."""
    home = sys.modules.get(type(model).__module__)
    if home is None or type(model).__module__.startswith("torch"):
        return set()
    words: set[str] = set()
    for member in list(vars(home).values()):
        if isinstance(member, types.FunctionType) and member.__module__ == home.__name__:
            words |= _words_of(member)
    for cell in vars(home).get("In", ()):  # a notebook: what its cells say outside of functions
        words |= set(re.findall(r"(?<!\bself)\.(\w+)", str(cell)))
    return words


def _words_of(member: Any) -> set[str]:
    """Attribute names and strings in a function, method, property or callable object."""
    member = getattr(member, "fget", None) or getattr(member, "__func__", None) or getattr(member, "__wrapped__", None) or member
    code = getattr(member, "__code__", None)
    return _words_of_code(code) if isinstance(code, types.CodeType) else set()


def _words_of_code(code: types.CodeType) -> set[str]:
    words = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, str):
            words.add(constant)
        elif isinstance(constant, types.CodeType):
            words |= _words_of_code(constant)
    return words


def place_of(row: ParameterRow, line: Location = NOWHERE) -> Location:
    """The parameter as a location, with the line of another one."""
    return replace(line, module=row.name.rpartition(".")[0], parameter=row.name)
