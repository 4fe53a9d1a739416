"""Whether the whole model is an affine map of what it is given, however its layers hang together: found by moving the inputs, not by reading the tape.

`f(x + a + b) - f(x + a) - f(x + b) + f(x)` is zero of an affine map, and of no other for moves far larger than the data.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.instruments.first_step.affine import CONVOLUTIONS, _is_meant, _layer, _redundant, line_of_call
from nbdebug.instruments.first_step.answers import Stack
from nbdebug.instruments.first_step.dependence import JITTERS, Trial, _quiet
from nbdebug.instruments.first_step.positions import _heard
from nbdebug.listening import Call, Tape, plain_path
from nbdebug.training_setup import TrainingSetup

DEEP, ROW = 3, 2  # layers one behind another; a linear model has one, a low rank two, but conv1 and conv2 are meant as two
FAR = 5.0  # standard deviations of the inputs: no kink lies that far out
MOST_ALONE = 3  # inputs that are moved while the others stand: a mask multiplies
CURVED = 1e-3  # of the move itself, above the rounding of float32
JOINS = frozenset("add __add__ __radd__ __iadd__ add_ sub __sub__ __rsub__ sub_ cat concat stack".split())
BENDS = ("leaky_relu", "leaky_relu_", "prelu", "rrelu", "hardtanh", "relu6", "elu", "celu", "softplus", "threshold", "hardshrink", "softshrink", "tanhshrink")


def linear_map(setup: TrainingSetup, tape: Tape) -> Stack | None:
    """The layers of a model that is affine in its inputs although it has several, one behind another; None of any other."""
    root = tape.root
    if root is None or not root.returned:
        return None
    names = {id(p): plain_path(name) for name, p in setup.model.named_parameters()}
    calls = tape.calls[root.first : root.last]
    layers = {call.index: layer for call in calls if (layer := _layer(call, names)) is not None and layer.weight.requires_grad}
    given = [t for _, t in batches.tensors((root.args, root.kwargs)) if t.is_floating_point() and t.ndim > 1 and t.numel() > 0]
    together = [t for t in given if t.shape[-1] != t.shape[-2]]  # a square says how samples or nodes hang together, and multiplies
    alone = [[t] for t in given[:MOST_ALONE] if len(given) > 1]
    for moved in ([together] if together else []) + alone:
        heard = _hearing(calls, moved)
        chain = _longest(tape, calls, set(layers) & heard) if not _is_gated(calls, heard) else []
        fewest = ROW if _is_row([layers[index].label for index in chain]) else DEEP
        if len(chain) < fewest or len({id(layers[index].weight) for index in chain}) < fewest:
            continue
        if fewest == ROW and all(len(part) == 1 for part in _redundant([layers[index] for index in chain])):
            continue  # the code of an autoencoder, a low rank
        with _quiet(setup.model), contextlib.suppress(Exception):  # a model that does not bear other inputs or weights is not judged
            trial = Trial(root.args, root.kwargs, 0)
            if all(_is_affine(setup, trial, moved, size) for size in (0.0, *JITTERS)):
                return _as_stack(setup, tape, [layers[index] for index in chain], calls)
    return None


def _hearing(calls: list[Call], given: list[Tensor]) -> set[int]:
    """The calls to which something of these inputs comes: what ids or a graph lead to may bend as it likes."""
    ids = {id(t) for t in given}
    heard: set[int] = set()
    for call in calls:
        if heard.intersection(call.parents) or ids.intersection(map(id, call.inputs())):
            heard.add(call.index)
    return heard


def _is_gated(calls: list[Call], heard: set[int]) -> bool:
    """Whether what hears these inputs is multiplied by what weights make of others: linear in each of them, and no linear map of both."""
    learned: set[int] = set()
    for call in calls:
        if call.index not in heard and (learned.intersection(call.parents) or any(isinstance(t, nn.Parameter) for t in call.inputs())):
            learned.add(call.index)
    return any(call.index in heard and call.name not in JOINS and learned.intersection(call.parents) for call in calls)


def _longest(tape: Tape, calls: list[Call], layers: set[int]) -> list[int]:
    """The most of these calls that lie one behind another."""
    ways: dict[int, list[int]] = {}
    for call in calls:
        best = max((ways[parent] for parent in call.parents if parent in ways), key=len, default=[])
        ways[call.index] = [*best, call.index] if call.index in layers else best
    return max(ways.values(), key=len, default=[])


def _is_row(labels: list[str]) -> bool:
    """Whether they are members of a row by their names, such as conv1.lin and conv2.lin, or convs.0 and convs.1."""
    return len({re.sub(r"\d+", "", label) for label in labels}) == 1 and all(re.search(r"\d", label) for label in labels)


def _is_affine(setup: TrainingSetup, trial: Trial, given: list[Tensor], size: float) -> bool:
    generator = torch.Generator().manual_seed(0)
    moves = [{id(t): FAR * t.detach().std().nan_to_num(1.0) * torch.randn(t.shape, generator=generator).to(t) for t in given} for _ in range(2)]
    zero: dict[int, Tensor] = {}
    both = {key: moves[0][key] + moves[1][key] for key in moves[0]}
    runs = [_heard(setup, _moved_by(trial, move), size)[1] for move in (both, *moves, zero)]
    if not runs[0] or any(len(run) != len(runs[0]) for run in runs):
        return False
    for together, one, other, plain in zip(*runs, strict=True):
        moved = (one - plain).abs().max()
        if not bool(moved > 0) or not bool((together - one - other + plain).abs().max() <= CURVED * moved):
            return False
    return True


def _moved_by(trial: Trial, move: dict[int, Tensor]) -> Trial:
    args, kwargs = batches.map_tensors(lambda t: t.detach() + move[id(t)] if id(t) in move else t.detach().clone(), (trial.args, trial.kwargs))
    return Trial(args, kwargs, trial.count)


def _as_stack(setup: TrainingSetup, tape: Tape, layers: list, calls: list[Call]) -> Stack:
    labels = tuple(layer.label for layer in layers)
    bare = all(layer.call.name not in CONVOLUTIONS and len(layer.call.inputs()) < 3 for layer in layers)  # deep linear networks of theory
    bend = next((call for call in calls if call.name in BENDS), None)
    place = layers[0].call.location if bend is None else bend.location
    if bend is None and (called := line_of_call(setup.model, list(labels))) is not None:
        place = replace(place, file=called.file, line=called.line, cell=called.cell)
    return Stack(
        layers=labels, widths=(layers[0].before, *(layer.after for layer in layers)), whole=True, series=_is_row(list(labels)), siblings=False, widened=False, together=1,
        meant=bare or _is_meant(setup.model, list(labels)), location=replace(place, detail=" → ".join(labels)),
    )  # fmt: skip
