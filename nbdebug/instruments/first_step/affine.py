"""Linear layers with nothing between them: what several of them compute, one could."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from nbdebug.batch import tensors
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Stack
from nbdebug.instruments.first_step.written import chain, methods
from nbdebug.listening import IN_PLACE, LEAVES_TORCH, RESHAPING, Call, Tape, plain_path
from nbdebug.loss_call import LOSSES

CONVOLUTIONS = frozenset(["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"])
PRODUCTS = frozenset(["matmul", "mm", "__matmul__"])
KEEPS_LINES = RESHAPING | frozenset(  # of an affine map they make an affine map; batch-norm at evaluation, dropout on average
    "dropout dropout1d dropout2d dropout3d feature_dropout batch_norm avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d mean add __add__ __radd__ add_ __iadd__ sub __sub__ sub_ mul __mul__ __rmul__ mul_ "
    "__imul__ div __truediv__ div_ neg pad identity".split()
)
BENDS = frozenset("relu relu6 leaky_relu elu selu gelu silu mish softplus tanh sigmoid hardswish prelu".split())
ENDS = frozenset(["softmax", "log_softmax", "sigmoid", "logsigmoid", *LOSSES])  # what comes after a generalised linear model
WIDER = 2  # times both ends: what lies between is there for an activation; our choice
LINEAR_MODEL = re.compile(r"linear|regression|pca|svd|probe|factori", re.I)  # in the name of a class
LINEAR_WORDS = re.compile(
    r"(?:deep|purely|only) linear|linear (?:net|model|map|autoenc)|(?:no|without) (?:non-?linear|activation)", re.I
)  # in its docstring
HIDDEN = re.compile(r"(?:hidden|fc|lin|linear|dense|layer|conv|input|in)(?:_?layer)?_?\d*")  # what is called so is meant as a hidden layer
PROJECTION = re.compile(r"proj|embed|low_?rank|factor|lora|adapt|reduc|compress|lift|probe|pca|svd|whiten", re.I)  # of one layer before another


@dataclass
class _Layer:
    call: Call
    label: str
    weight: Tensor
    before: int  # features in
    after: int  # features out
    plain: bool  # a linear layer, or a convolution of one group and stride


def stacks(model: nn.Module, tape: Tape) -> tuple[Stack, ...]:
    """The chains of affine layers in the last call of the model, without those that pass through a narrower layer on purpose."""
    root = tape.root
    if root is None or not root.returned:
        return ()
    span = range(root.first, root.last)
    names = {id(p): plain_path(name) for name, p in model.named_parameters()}
    layers = {call.index: layer for call in tape.calls[root.first : root.last] if (layer := _layer(call, names)) is not None}
    if len(layers) < 2:
        return ()
    way = _Way(tape, span, [t for _, t in tensors((root.output,))], [t for _, t in tensors((root.args, root.kwargs))])
    following = {index: after for index in layers if (after := way.next_layer(index, layers)) is not None}
    starts = [index for index in layers if index not in following.values()]
    return tuple(stack for start in starts for stack in _stacks(model, way, layers, following, start))


def _layer(call: Call, names: dict[int, str]) -> _Layer | None:
    """A call that multiplies an activation by a weight of the model."""
    given = call.inputs()
    if len(given) < 2 or id(given[1]) not in names or isinstance(given[0], nn.Parameter):
        return None
    weight, label = given[1], names[id(given[1])].removesuffix(".weight")
    if call.name == "linear":
        return _Layer(call, label, weight, weight.shape[-1], weight.shape[0], True)
    if call.name in PRODUCTS and weight.ndim == 2:
        return _Layer(call, label, weight, weight.shape[0], weight.shape[1], True)
    if call.name in CONVOLUTIONS and weight.ndim > 2:
        transposed = "transpose" in call.name
        groups, stride = call.argument(7 if transposed else 6, "groups", 1), call.argument(3, "stride", 1)
        after, before = (weight.shape[1] * groups, weight.shape[0]) if transposed else (weight.shape[0], weight.shape[1] * groups)
        return _Layer(call, label, weight, before, after, groups == 1 and all(s == 1 for s in _several(stride)))
    return None


def _several(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


class _Way:
    """Who takes what a call gives, within the call of the model."""

    def __init__(self, tape: Tape, span: range, outputs: list[Tensor], inputs: list[Tensor]) -> None:
        self.tape, self.span = tape, span
        self.given_back = {id(tensor) for tensor in outputs}
        self.inputs = {id(tensor) for tensor in inputs}
        self.takers: dict[int, list[int]] = {}
        for call in reversed(tape.calls[span.start :]):
            for parent in {p for p in call.parents if p >= 0} if self._matters(call) else ():
                self.takers.setdefault(parent, []).insert(0, call.index)

    def _matters(self, call: Call) -> bool:
        """Whether anything comes of the call: `F.relu(x)` on a line of its own changes nothing."""
        if call.name in LEAVES_TORCH:
            return False
        changes = call.name in IN_PLACE or call.name.endswith("_") or call.kwargs.get("inplace") is True or call.index not in self.span
        return changes or call.index in self.takers or any(id(t) in self.given_back for t in call.outputs())

    def next_layer(self, index: int, layers: dict[int, _Layer]) -> int | None:
        """The affine layer that gets this one's output, and nobody else does."""
        while True:
            taker = self._only_taker(index)
            if taker is None or taker.index not in self.span:
                return None
            if taker.index in layers:
                return taker.index if taker.parents[0] == index else None
            if not self._keeps_lines(taker, index):
                return None
            index = taker.index

    def ends_here(self, index: int) -> bool:
        """Whether the model's output is this one's, but for a link function."""
        while True:
            taker = self._only_taker(index)
            if taker is None:
                return any(id(t) in self.given_back for t in self.tape.calls[index].outputs())
            if taker.index not in self.span or taker.name in ENDS:
                return True
            if not self._keeps_lines(taker, index):
                return False
            index = taker.index

    def begins_here(self, call: Call) -> bool:
        """Whether the layer gets an input of the model's."""
        given, parent = call.inputs()[0], call.parents[0]
        while parent >= 0 and parent in self.span:
            call = self.tape.calls[parent]
            if not call.parents or not self._keeps_lines(call, call.parents[0]):
                return False
            given, parent = call.inputs()[0], call.parents[0]
        return id(given) in self.inputs and given.is_floating_point()

    def has_bias(self, call: Call) -> bool:
        """Whether something that learns is added to the layer's product, or batch-norm adds it; convolutions often leave it to that."""
        if len(call.inputs()) > 2 or call.name in CONVOLUTIONS:
            return True
        taker = self._only_taker(call.index)
        if taker is None or taker.name in ("linear", *PRODUCTS):
            return False
        return taker.name == "batch_norm" or any(isinstance(t, nn.Parameter) for t in taker.inputs())

    def dropped(self, part: list[_Layer]) -> Call | None:
        """The first non-linearity that is called on what one of these layers gives, and whose result nobody takes."""
        ways = {layer.call.index for layer in part}
        for call in self.tape.calls[self.span.start : self.span.stop]:
            if call.name in BENDS and call.kwargs.get("inplace") is not True and not self._matters(call) and ways.intersection(call.parents):
                return call
            if call.name in KEEPS_LINES and ways.intersection(call.parents):
                ways.add(call.index)
        return None

    def _only_taker(self, index: int) -> Call | None:
        """None when several take it, or when it is an output of the model as well."""
        takers = self.takers.get(index, [])
        shown = any(id(t) in self.given_back for t in self.tape.calls[index].outputs())
        if len(takers) != 1 or (shown and takers[0] in self.span):
            return None
        return self.tape.calls[takers[0]]

    def _keeps_lines(self, call: Call, source: int) -> bool:
        """Whether it moves, scales or averages one activation: what else takes part is a weight or a constant."""
        if call.name not in KEEPS_LINES or call.name in IN_PLACE - {"__iadd__", "__imul__"}:
            return False
        if call.name in ("div", "__truediv__", "div_") and call.parents and call.parents[0] != source:
            return False  # one over it
        return all(parent in (source, -1) for parent in call.parents) and call.parents.count(source) <= 1


def _stacks(model: nn.Module, way: _Way, layers: dict[int, _Layer], following: dict[int, int], start: int) -> Iterator[Stack]:
    chain = [layers[start]]
    while chain[-1].call.index in following:
        chain.append(layers[following[chain[-1].call.index]])
    whole = way.begins_here(chain[0].call) and way.ends_here(chain[-1].call.index)
    for run in [chain] if whole else _runs(chain):
        products = whole and not any(way.has_bias(layer.call) for layer in run)  # deep linear networks of theory
        for part in _redundant(_apart(run)):
            if len(part) > 1:
                yield _stack(model, part, whole, products, way.dropped(part))


def _runs(chain: list[_Layer]) -> Iterator[list[_Layer]]:
    """Broken where two layers differ for a reason: convolutions of other shapes, groups or strides are factors of a larger one."""
    run = chain[:1]
    for layer in chain[1:]:
        if run[-1].plain and layer.plain and _alike(run[-1].weight, layer.weight):
            run.append(layer)
        else:
            yield run
            run = [layer]
    yield run


def _alike(first: Tensor, second: Tensor) -> bool:
    return first.shape[2:] == second.shape[2:] or min(first.ndim, second.ndim) == 2


def _apart(run: list[_Layer]) -> list[_Layer]:
    """Without what is frozen or reused: its place was chosen."""
    kept: list[_Layer] = []
    for layer in run:
        if not layer.weight.requires_grad or any(layer.weight is other.weight for other in kept):
            return []
        kept.append(layer)
    return kept


def _redundant(run: list[_Layer]) -> Iterator[list[_Layer]]:
    """The parts of a run that pass through no layer narrower than both of their ends: that one limits the rank, and stays."""
    widths = [layer.after for layer in run[:-1]]
    if not widths or min(widths) >= min(run[0].before, run[-1].after):
        yield run
        return
    narrowest = widths.index(min(widths))
    yield from _redundant(run[: narrowest + 1])
    yield from _redundant(run[narrowest + 1 :])


def _stack(model: nn.Module, part: list[_Layer], whole: bool, products: bool, dropped: Call | None) -> Stack:
    labels = [layer.label for layer in part]
    parents = {label.rpartition(".")[0] for label in labels}
    stems = {label.rpartition(".")[2].rstrip("0123456789").rstrip("_") for label in labels}
    numbered = all(label[-1].isdigit() for label in labels)
    widths = (part[0].before, *(layer.after for layer in part))
    location = (dropped or part[0].call).location
    if dropped is None and len(parents) > 1 and (called := line_of_call(model, labels)) is not None:
        location = called
    return Stack(
        layers=tuple(labels),
        widths=widths,
        whole=whole,
        series=len(parents) == 1 and ((len(stems) == 1 and numbered) or (whole and bool(HIDDEN.fullmatch(labels[0].rpartition(".")[2])))),
        siblings=len(parents) == 1,
        widened=all(layer.call.name == "linear" for layer in part) and max(widths[1:-1]) >= WIDER * max(widths[0], widths[-1]),
        together=max(Counter(re.sub(r"\d+", "0", label.rpartition(".")[0]) for label in labels).values()),
        meant=products or _is_meant(model, labels),
        dropped=dropped.name if dropped is not None else "",
        location=Location(module=labels[0] if dropped is None else dropped.module, operator=location.operator, file=location.file, line=location.line, cell=location.cell,
                          detail=" → ".join(labels) if len(labels) < 5 else f"{labels[0]} … {labels[-1]}"),
    )  # fmt: skip


def line_of_call(model: nn.Module, labels: list[str]) -> Location | None:
    """Of layers that stand in parts of their own, the one call by name of the first part by the module that holds them all: what is missing is missing there."""
    first, *others = (label.split(".") for label in labels)
    depth = next(n for n, name in enumerate(first) if any(other[n : n + 1] != [name] for other in others))
    owner = model.get_submodule(".".join(first[:depth])) if depth < len(first) - 1 else None
    calls = [
        method.location(node)
        for method in (methods(owner) if owner is not None else ())
        for node in ast.walk(method.tree)
        if isinstance(node, ast.Call) and chain(node.func, method.me) == (first[depth],)
    ]
    return calls[0] if len(calls) == 1 and calls[0].line is not None else None


def _is_meant(model: nn.Module, labels: list[str]) -> bool:
    """Whether the classes around the layers call themselves linear, or one of two layers is called a projection."""
    modules = {plain_path(path): module for path, module in model.named_modules()}
    path = labels[0].rpartition(".")[0]
    above = [modules[part] for part in ("", *_prefixes(path)) if part in modules]
    kinds = [type(module) for module in above if not type(module).__module__.startswith("torch.")]
    named = any(LINEAR_MODEL.search(kind.__name__) or LINEAR_WORDS.search(kind.__doc__ or "") for kind in kinds)
    return named or (len(labels) == 2 and any(PROJECTION.search(label) for label in labels))


def _prefixes(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]
