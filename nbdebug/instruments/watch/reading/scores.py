"""What an evaluation does to scores, by its text: those that no mean over batches gives, and meters that nobody sets back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug.instruments.watch.reading.metrics import BARE, MEAN, SIZE_NAMES, Round, Sum
from nbdebug.instruments.watch.reading.rates import rate
from nbdebug.instruments.watch.reading.source import (
    FUNCTIONS,
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

RATIOS = (  # of counts, or roots of means, over all samples: the mean of those of parts is another number
    "f1", "fbeta", "f2", "auc", "auroc", "rocauc", "auprc", "mcc", "matthews", "kappa", "r2", "pearson", "pearsonr", "spearman", "spearmanr", "rmse", "rmsle",
)  # fmt: skip
WHOLE_NAMES = ("precision_score", "recall_score", "average_precision_score", "precision_recall_fscore_support")
FEEDS = ("update", "add", "add_batch", "append", "step", "record", "log")
READS = ("compute", "value", "result", "results", "avg", "average", "mean", "summary", "get", "score", "accuracy", "acc")
COUNTS = (*SIZE_NAMES, "k", "num_samples", "weight", "samples", "batch")
RENEWS = re.compile(r"reset|clear|zero|restart|start|begin|new|flush|init|empty", re.IGNORECASE)


@dataclass(frozen=True)
class Averaged:
    """A score of every batch, and where the mean of them is taken."""

    score: str  # as it is called
    loader: Loader
    scope: Scope
    node: ast.AST


@dataclass(frozen=True)
class Unset:
    """A meter that is made before the loop over the epochs, fed in every batch and read in every epoch."""

    name: str
    kind: str
    node: ast.AST  # where it is fed


def averaged(result: WatchResult, rounds: list[Round]) -> Iterator[Averaged]:
    """Scores of batches of which the mean is taken: in a loop, from lists that it filled, or in a comprehension over the loader."""
    for round_ in rounds:
        if round_.trains or round_.partial:
            continue
        for total, score in _summed(result, round_):
            for division in round_.divisions(total):
                if division.by == "batches":
                    yield Averaged(score, round_.loader, round_.scope, division.node)
        filled = {name for node in round_.each_batch() if (name := _appended(node))}
        for node in round_.after:
            comprehension = _mean_of(node)
            if comprehension is not None and any(names(g.iter) & filled for g in comprehension.generators) and (score := _score(comprehension.elt)):
                yield Averaged(score, round_.loader, round_.scope, node)
    yield from _over_loaders(result)


def _over_loaders(result: WatchResult) -> Iterator[Averaged]:
    loaders = {loader.name: loader for loader in result.loaders}
    begun = {(event.place, event.who) for _, event in result.events("epoch") if event.who in loaders}
    for scope in scopes(result.sources):
        for node in scope.nodes() if scope.ran else ():
            comprehension = _mean_of(node)
            if comprehension is None or not (score := _score(comprehension.elt)):
                continue
            here = {who for place, who in begun if scope.covers(node, place)}
            if len(here) == 1:
                yield Averaged(score, loaders[here.pop()], scope, node)


def unset(result: WatchResult, round_: Round) -> Iterator[Unset]:
    """Meters of an evaluation that count on from epoch to epoch."""
    outer = next(iter(round_.scope.loops(round_.loop)), None)
    if round_.trains or outer is None or round_.loader.epochs < 2:
        return
    for node in round_.each_batch():
        call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        if call is None or not isinstance(call.func, ast.Attribute) or call.func.attr not in FEEDS or not isinstance(call.func.value, ast.Name):
            continue
        name, made = call.func.value.id, _made_before(round_.scope, call.func.value.id, outer)
        if made and _is_read(outer, name) and not _is_renewed(outer, name) and _counts_on(result, made):
            yield Unset(name, last_name(made.func), node)


def unweighted(result: WatchResult, round_: Round) -> Iterator[Sum]:
    """What a meter is fed with in every batch, a mean, without the size of the batch that it would take beside it and counts as 1."""
    if round_.trains or round_.partial:
        return
    for node in round_.each_batch():
        call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        if call is None or len(call.args) != 1 or call.keywords or not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
            continue
        unit, hits = round_.unit(call.args[0])
        name, method = call.func.value.id, call.func.attr
        made = {last_name(n.value.func) for n in round_.scope.nodes() if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call) and name in map(dotted, targets(n))}
        classes = [n for scope in everything(result) for n in scope.nodes() if isinstance(n, ast.ClassDef) and {n.name} == made]
        if unit == MEAN and classes and all(_counts_as_one(c, method) for c in classes):
            yield Sum(name, MEAN, hits, node)


def _counts_as_one(kind: ast.ClassDef, method: str) -> bool:
    """Whether a method takes a value and how many samples it stands for, 1 unless it is said: update(self, value, n=1)."""
    found = [f for f in kind.body if isinstance(f, FUNCTIONS) and f.name == method]
    if len(found) != 1 or len(found[0].args.args) != 3 or len(found[0].args.defaults) != 1:
        return False
    default = found[0].args.defaults[0]
    return isinstance(default, ast.Constant) and default.value == 1 and found[0].args.args[2].arg.lower() in COUNTS


def _made_before(scope: Scope, name: str, outer: ast.AST) -> ast.Call | None:
    """The call that makes it, before the loop over the epochs and not in it."""
    inside = set(map(id, ast.walk(outer)))
    made = [n for n in scope.nodes() if isinstance(n, ast.Assign) and name in {dotted(t) for t in targets(n)}]
    value = made[0].value if len(made) == 1 and id(made[0]) not in inside else None
    return value if isinstance(value, ast.Call) else None


def _is_read(outer: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr in READS and dotted(n.value) == name for n in ast.walk(outer))


def _is_renewed(outer: ast.AST, name: str) -> bool:
    """Whether something may set it back: a method that says so, or whoever gets it whole."""
    for node in ast.walk(outer):
        if isinstance(node, ast.Attribute) and dotted(node.value) == name and (RENEWS.search(node.attr) or isinstance(node.ctx, ast.Store)):
            return True
        given = [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else []
        if any(isinstance(part, ast.Name) and part.id == name for value in given for part in ast.walk(value) if not isinstance(value, ast.Call)):
            return True
    return False


def _counts_on(result: WatchResult, made: ast.Call) -> bool:
    """Whether it is a metric of torchmetrics, or a class of the user's whose reading methods set nothing back."""
    if "torchmetrics" in dotted(made.func).split("."):
        return True
    kind = last_name(made.func)
    classes = [n for scope in everything(result) for n in scope.nodes() if isinstance(n, ast.ClassDef) and n.name == kind]
    if len({ast.dump(c) for c in classes}) != 1 or classes[0].bases and not all(dotted(b) in ("object", "nn.Module") for b in classes[0].bases):
        return False
    others = [f for f in classes[0].body if isinstance(f, FUNCTIONS) and f.name != "__init__" and not RENEWS.search(f.name)]
    sets = (t for f in others for n in ast.walk(f) if isinstance(n, ast.Assign) and isinstance(n.value, (ast.Constant, ast.List, ast.Dict)) for t in targets(n))
    resets = any(RENEWS.search(last_name(c.func)) for f in others for c in ast.walk(f) if isinstance(c, ast.Call))
    return not resets and not any(dotted(t).startswith("self.") for t in sets)


def _summed(result: WatchResult, round_: Round) -> Iterator[tuple[Sum, str]]:
    """What grows in every batch by a score, and the score."""
    several = max(map(int, round_.loader.sizes), default=1) > 1  # of one sample or query each, rates are averaged on purpose
    for node in round_.each_batch():
        name, value = round_.added(node)
        if name and value is not None and several and (score := rate(result, round_, name, value)):
            yield Sum(name, MEAN, True, node), score
            continue
        if isinstance(value, ast.Name):
            made = [n for n in round_.body if isinstance(n, ast.Assign) and any(dotted(t) == value.id for t in targets(n))]
            value = made[-1].value if made else value
        if name and value is not None and (score := _score(value)):
            yield Sum(name, MEAN, True, node), score


def _score(value: ast.AST) -> str:
    """The call of a score that a value is; "" of anything else."""
    while isinstance(value, ast.Call):
        called = last_name(value.func)
        words = called.lower().split("_")
        if called in WHOLE_NAMES or (set(words) & set(RATIOS) and "at" not in words):
            return called
        if called not in BARE:
            return ""
        value = value.args[0] if value.args else value.func.value if isinstance(value.func, ast.Attribute) else ast.Constant(0)
    return ""


def _appended(node: ast.AST) -> str:
    call = node.value if isinstance(node, ast.Expr) else None
    return dotted(call.func.value) if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append" else ""


def _mean_of(node: ast.AST) -> ast.ListComp | ast.GeneratorExp | None:
    """The comprehension whose mean this is: sum(... for ...) / len(...), or mean([... for ...])."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and calls(node.right, "len"):
        inner = node.left.args[0] if isinstance(node.left, ast.Call) and last_name(node.left.func) in ("sum", "fsum") and node.left.args else None
    elif isinstance(node, ast.Call) and last_name(node.func) in ("mean", "fmean", "average") and node.args:
        inner = node.args[0]
    else:
        return None
    while isinstance(inner, ast.Call) and last_name(inner.func) in BARE and inner.args:  # torch.tensor([...])
        inner = inner.args[0]
    return inner if isinstance(inner, (ast.ListComp, ast.GeneratorExp)) else None
