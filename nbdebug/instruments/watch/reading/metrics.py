"""How a loop over a loader makes a metric, by its text: what is added up in each batch, and what the sum is divided by."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from nbdebug.instruments.watch.reading.source import (
    LOOPS,
    Scope,
    calls,
    dotted,
    last_name,
    names,
    scopes,
    targets,
)
from nbdebug.instruments.watch.reading.written import everything
from nbdebug.instruments.watch.result import Loader, WatchResult

BARE = (
    "item", "detach", "cpu", "float", "int", "double", "long", "numpy", "tolist", "to", "type", "astype", "data", "asarray", "array", "tensor", "stack", "as_tensor",
)  # fmt: skip
SIZES = ("size", "len", "numel")  # calls that give the size of a batch
SIZE_NAMES = ("batch_size", "bs", "n", "bsz", "size", "count", "num", "shape")
MEAN, COUNT, WEIGHTED = "mean", "count", "weighted"  # of a batch: a mean, a number of hits, a mean times its size


@dataclass(frozen=True)
class Sum:
    """What a loop adds up, batch by batch."""

    name: str
    unit: str  # MEAN, COUNT or WEIGHTED
    hits: bool  # made of comparisons with targets, not of a loss
    node: ast.AST


@dataclass(frozen=True)
class Division:
    """A sum divided after the loop."""

    by: str  # "batches", "samples", "full batches" (times the size they should have), or "counter" (of the loop's own)
    counter: str
    node: ast.AST


class Round:
    """One `for` over a loader, as it stands in the text, with the loader that ran through it."""

    def __init__(self, result: WatchResult, scope: Scope, loop: ast.For, loader: Loader) -> None:
        self.scope, self.loop, self.loader, self._result = scope, loop, loader, result
        self.trains = any(scope.covers(loop, event.place) for _, event in result.events("backward", "step"))
        self._losses = [event for _, event in result.events("loss") if scope.covers(loop, event.place)]
        self.body = [node for statement in loop.body for node in ast.walk(statement)]
        self.shown = _shown(loop.iter) or loader.name
        self.partial = any(isinstance(node, (ast.Break, ast.Return)) for node in self.body)

    @cached_property
    def after(self) -> list[ast.AST]:
        """What comes after the loop, in its function and within the loop around it."""
        outer = next(iter(self.scope.loops(self.loop)), None)
        nodes = ast.walk(outer) if outer is not None else self.scope.nodes()
        return [n for n in nodes if (getattr(n, "lineno", None) or 0) > (self.loop.end_lineno or 0)]

    def sums(self) -> Iterator[Sum]:
        """Everything that grows in every batch and whose unit is known."""
        for node in self.each_batch():
            name, value = _added(node)
            unit, hits = self.unit(value) if name else ("", False)
            if unit:
                yield Sum(name, unit, hits, node)

    def overwritten(self) -> Iterator[Sum]:
        """Metrics of one batch that the next batch writes over, and that the loop itself only shows."""
        shown = [n for call in calls(ast.Module(self.loop.body, []), "print", "set_postfix", "set_description", "info") for n in ast.walk(call)]
        for node in self.each_batch():
            if not isinstance(node, ast.Assign) or len(targets(node)) != 1 or not isinstance(node.targets[0], ast.Name):
                continue
            name, (unit, hits) = node.targets[0].id, self.unit(node.value)
            used = [n for n in self.body if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) and n not in shown]
            if unit and not used:
                yield Sum(name, unit, hits, node)

    def divisions(self, total: Sum) -> Iterator[Division]:
        """Where the sum is divided after the loop, or its list is averaged."""
        for node in self.after:
            if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div) and dotted(node.target) == total.name:
                by, counter = self.divisor(node.value)
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is(node.left, total.name):
                by, counter = self.divisor(node.right)
            elif isinstance(node, ast.Call) and last_name(node.func) in ("mean", "fmean", "average") and _averages(node, total.name):
                by, counter = "batches", total.name
            else:
                continue
            if by:
                yield Division(by, counter, node)

    def unit(self, value: ast.expr | None, depth: int = 0, within: Scope | None = None) -> tuple[str, bool]:
        """What the value of a batch is: its unit, and whether it counts hits; `within` a function of the user's that the batch is given to."""
        if value is None or depth > 6:
            return "", False
        if isinstance(value, ast.Name):
            made = self._made(value.id, within)
            return self.unit(made, depth + 1, within) if made is not None else ("", False)
        if isinstance(value, ast.BinOp):
            return self._unit_of_two(value, depth, within)
        if not isinstance(value, ast.Call):
            return "", False
        called, subject = last_name(value.func), value.func.value if isinstance(value.func, ast.Attribute) else None
        inner = value.args[0] if value.args and dotted(subject) in ("torch", "np", "numpy", "") else subject
        if called in BARE:
            return self.unit(inner, depth + 1, within)
        if called in ("mean", "sum") and inner is not None and _compares(self._written_out(inner, within)):
            return (MEAN if called == "mean" else COUNT), True
        unit = self._unit_of_loss(value, within)
        return (unit, False) if unit else self._unit_of_function(value, depth)

    @staticmethod
    def added(node: ast.AST) -> tuple[str, ast.expr | None]:
        """The variable and the value of a statement that adds to it."""
        return _added(node)

    # -- inside -------------------------------------------------------------------------------------------------

    def _made(self, name: str, within: Scope | None) -> ast.expr | None:
        """What a variable is given last, in the body of the loop or in a function."""
        body = self.body if within is None else within.nodes()
        made = [n.value for n in body if isinstance(n, ast.Assign) and len(targets(n)) == 1 and dotted(targets(n)[0]) == name]
        return made[-1] if made else None

    def _written_out(self, node: ast.expr, within: Scope | None) -> ast.expr:
        """What a value is, behind the names it is held by and the calls that only give it another type: right.float() is pred == y."""
        for _ in range(6):
            inner = node
            if isinstance(node, ast.Name):
                inner = self._made(node.id, within) or node
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and last_name(node.func) in BARE and not _compares(node):
                inner = node.args[0] if node.args and dotted(node.func.value) in ("torch", "np", "numpy") else node.func.value
            if inner is node:
                break
            node = inner
        return node

    def _unit_of_function(self, call: ast.Call, depth: int) -> tuple[str, bool]:
        """Of what the one function of the user's with this name returns in its one return."""
        name = last_name(call.func)
        found = [scope for scope in everything(self._result) if scope.name == name] if name else []
        returned = [n.value for scope in found for n in scope.nodes() if isinstance(n, ast.Return)]
        return self.unit(returned[0], depth + 2, found[0]) if len(found) == len(returned) == 1 else ("", False)

    def _unit_of_two(self, value: ast.BinOp, depth: int, within: Scope | None) -> tuple[str, bool]:
        (left, hits), (right, other_hits) = self.unit(value.left, depth + 1, within), self.unit(value.right, depth + 1, within)
        unit = left or right
        if isinstance(value.op, ast.Add):
            return (left, hits) if left == right else ("", False)
        other = value.right if left else value.left
        if isinstance(value.op, ast.Mult) and bool(left) != bool(right):
            if isinstance(other, ast.Constant):
                return unit, hits or other_hits
            return (WEIGHTED if unit == MEAN and _is_size(other) else ""), hits or other_hits
        if isinstance(value.op, ast.Div) and left == COUNT and _is_size(value.right):
            return MEAN, True
        return "", False

    def _unit_of_loss(self, call: ast.Call, within: Scope | None) -> str:
        """A call on whose lines a loss was computed; its innermost call with that line is the loss."""
        known = self._losses if within is None else [event for _, event in self._result.events("loss")]
        here = [event for event in known if (within or self.scope).covers(call, event.place)]
        means = {event.facts["reduction"] for event in here} == {"mean"}
        return MEAN if means and not (isinstance(call.func, ast.Attribute) and call.func.attr in ("sum", "backward")) else ""

    def each_batch(self) -> Iterator[ast.AST]:
        """Statements that run once in every batch."""
        ahead = list(self.loop.body)
        while ahead:
            node = ahead.pop(0)
            yield node
            if isinstance(node, (ast.With, ast.Try)):
                ahead[:0] = node.body

    def divisor(self, node: ast.expr) -> tuple[str, str]:
        """What a number is that something is divided by, and the counter's name; "" of what is not known."""
        if isinstance(node, ast.Call) and last_name(node.func) == "len" and node.args:
            return self._length(node.args[0])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):  # len(loader) * batch_size
            by = [self.divisor(part)[0] for part in (node.left, node.right) if isinstance(part, ast.Call)]
            return ("full batches", "") if by == ["batches"] and any(map(_is_batch_size, (node.left, node.right))) else ("", "")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):  # (i + 1) of enumerate
            counter = self.loop.target.elts[0] if isinstance(self.loop.target, ast.Tuple) else None
            return ("batches", "") if counter is not None and calls(self.loop.iter, "enumerate") and dotted(node.left) == dotted(counter) else ("", "")
        counted = [(n, *_added(n)) for n in self.each_batch() if dotted(node) and _added(n)[0] == dotted(node)]
        if not counted:
            return "", ""
        value = counted[0][2]
        return ("batches" if isinstance(value, ast.Constant) and value.value == 1 else "samples" if _is_size(value) else ""), dotted(node)

    def _length(self, of: ast.expr) -> tuple[str, str]:
        name = dotted(of)
        if name in names(self.loop.iter):
            return "batches", ""
        if name.endswith(".dataset") and name.removesuffix(".dataset") in names(self.loop.iter):
            return "samples", ""
        if isinstance(of, ast.Name) and any(_added(n)[0] == name for n in self.each_batch()):
            return "batches", name
        return "", ""


def rounds(result: WatchResult) -> Iterator[Round]:
    """Every `for` over a loader that ran and was read."""
    loaders = {loader.name: loader for loader in result.loaders}
    places = {(event.place, event.who) for _, event in result.events("epoch") if event.who in loaders}
    for scope in scopes(result.sources):
        for loop in (node for node in scope.nodes() if isinstance(node, ast.For)) if scope.ran else ():
            here = {who for place, who in places if scope.covers(loop.iter, place) or scope.place(loop) == place}
            if len(here) == 1:  # of several loaders nobody knows which sizes belong to which sum
                yield Round(result, scope, loop, loaders[here.pop()])


def initialised(scope: Scope, name: str, before: ast.AST) -> bool:
    """Whether a variable gets its first value before a loop and no other one inside of it."""
    stores = [n for n in scope.nodes() if not isinstance(n, (ast.AugAssign, *LOOPS)) and name in {dotted(t) for t in targets(n)}]
    inside = set(map(id, ast.walk(before)))
    cleared = [c for c in ast.walk(before) if isinstance(c, ast.Call) and last_name(c.func) in ("clear", "pop") and dotted(c.func) == f"{name}.{last_name(c.func)}"]
    return bool(stores) and not cleared and not any(id(node) in inside for node in stores) and "." not in name


def _shown(node: ast.expr) -> str:
    """The loader as the loop writes it: `loader` of `enumerate(tqdm(loader))`."""
    while isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    return dotted(node)


def _added(node: ast.AST) -> tuple[str, ast.expr | None]:
    """The variable and the value of `total += value`, `total = total + value` or `values.append(value)`."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        return dotted(node.target), node.value
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.Add):
        name = dotted(node.targets[0])
        return (name, node.value.right) if name and dotted(node.value.left) == name else ("", None)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and last_name(node.value.func) == "append" and node.value.args:
        return dotted(node.value.func.value), node.value.args[0]  # type: ignore[attr-defined]
    return "", None


def _is(node: ast.expr, name: str) -> bool:
    """The variable itself, or times a constant, or the sum of it as a list."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return any(isinstance(a, ast.Constant) and _is(b, name) for a, b in ((node.left, node.right), (node.right, node.left)))
    if isinstance(node, ast.Call) and last_name(node.func) in ("sum", "fsum", *BARE):
        inner = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else node
        return inner is not node and _is(inner, name)
    return not isinstance(node, ast.Subscript) and dotted(node) == name and bool(name)


def _averages(call: ast.Call, name: str) -> bool:
    """Whether it is the mean of it, every entry with the same weight: not average(shares, weights=sizes), nor fmean(shares, sizes)."""
    if any(k.arg == "weights" for k in call.keywords) or (last_name(call.func) == "fmean" and len(call.args) > 1):
        return False
    inner = call.args[0] if call.args else call.func.value if isinstance(call.func, ast.Attribute) else None
    return inner is not None and _is(inner, name)


def _is_size(node: ast.expr) -> bool:
    """An expression that gives the size of a batch: x.size(0), len(y), y.shape[0], batch_size."""
    sized = any(last_name(call.func) in SIZES for call in ast.walk(node) if isinstance(call, ast.Call))
    return sized or any(word in part.lower().split("_") + [part.lower()] for name in names(node) for part in name.split(".") for word in SIZE_NAMES)


def _is_batch_size(node: ast.expr) -> bool:
    """The size that batches should have, by its name: BATCH, batch_size, loader.batch_size."""
    return dotted(node).rpartition(".")[2].lower() in ("batch", "bs", "bsz", "batch_size", "batchsize", "eval_batch_size", "val_batch_size", "test_batch_size")


def _compares(node: ast.expr) -> bool:
    """Whether predictions are compared with targets in it."""
    return any(isinstance(n, ast.Compare) and isinstance(n.ops[0], ast.Eq) for n in ast.walk(node)) or bool(calls(node, "eq"))
