"""Checks of saved and restored weights: best ones that are no copy, checkpoints that fit only in part."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
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
from nbdebug.instruments.watch.reading.written import only_line
from nbdebug.instruments.watch.result import Cycle, Event, WatchResult
from nbdebug.instruments.watch.session import watched

PART = 0.5  # of a model's entries are missing, and at least so many of these came under another path; our choice
SHALLOW = ("copy", "dict", "OrderedDict")  # what copies the table of a state, and not its tensors


@watched.check(
    "ND707", "state aliased or loaded in part", severity=WARNING,
    advice="copy what is to be kept: copy.deepcopy(model.state_dict())",
)  # fmt: skip
def state(result: WatchResult) -> Iterator[Seen]:
    """Weights that are kept without a copy, or a checkpoint of which only a part was loaded.

    Wrong: `model.state_dict()` gives the model's own tensors, which go on changing: a "best" state that is not copied is the
        last one, and loading it restores nothing. With strict=False, entries under another name (`module.` in front) are left
        out without a word.
    Seen: load_state_dict() got the very tensors of the model, after optimizer steps since they were taken; or the source keeps
        state_dict() (or the model itself) as the best of a loop, uses it later, and updates came in between; or a load matched
        nothing, or half of the entries were missing that came under another path (our choice: a new head is less). Or a variable called
        ema, shadow or swa holds the weights themselves after steps, so that it averages nothing. What is
        saved to a file at once, deep-copied, or belongs to another model is not accused.
    Where: the line that loads, or the one that keeps.
    Try: copy.deepcopy(model.state_dict()), or torch.save() it at once; rename the entries, and load with strict=True.
    Bad:
        best_loss = float("inf")
        for epoch in range(3):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                loss.backward()
                optimizer.step()
            if loss.item() < best_loss:
                best_loss, best_state = loss.item(), model.state_dict()
        loss_fn(model(inputs), targets).backward()
        optimizer.step()
        model.load_state_dict(best_state)
    Good:
        import copy
        best_loss = float("inf")
        for epoch in range(3):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                loss.backward()
                optimizer.step()
            if loss.item() < best_loss:
                best_loss, best_state = loss.item(), copy.deepcopy(model.state_dict())
        model.load_state_dict(best_state)
    Source: PyTorch tutorial, Saving and Loading Models: best_model_state = deepcopy(model.state_dict()), otherwise it keeps
        getting updated.
    """
    told: dict[Location, str] = {}  # line of a load → where its state was taken
    loads = [(cycle, event) for cycle, event in result.events("load") if not event.facts["optimizer"]]
    for cycle, event in sorted(loads, key=lambda load: load[1].facts["aliased"] and not load[1].facts["changed"]):  # harmless ones last
        if event.place in told:
            continue
        seen = _aliased(cycle, event) if event.facts["aliased"] else _partial(cycle, event)
        if seen is not None:
            told[event.place] = str(event.facts["taken"]) if seen.severity is not INFO else ""
            yield seen
    yield from _averages(result)
    for scope in scopes(result.sources):
        for seen in _kept(result, scope) if scope.ran else ():
            if str(replace(seen.location, detail="")) not in told.values():
                yield seen


# -- what was loaded ----------------------------------------------------------------------------------------------


def _aliased(cycle: Cycle, event: Event) -> Seen:
    taken = f"state_dict() at {event.facts['taken']} gave them" if event.facts["taken"] else "state_dict() gave them"
    evidence = {"step": cycle.first, "matched": event.facts["matched"]}
    if not event.facts["changed"]:
        return Seen(
            f"load_state_dict() got all {event.facts['matched']} tensors that `{event.who}` has already ({taken}): it changes nothing",
            event.place, evidence, severity=INFO, advice="leave it out, or look why nothing else was put into the state",
        )  # fmt: skip
    return Seen(
        f"load_state_dict() got the own tensors of `{event.who}`, all {event.facts['matched']} of them: {taken} without a copy, and the "
        f"weights have moved since. At step {cycle.first} it restores nothing",
        replace(event.place, detail=event.who), evidence, severity=ERROR,
    )  # fmt: skip


def _partial(cycle: Cycle, event: Event) -> Seen | None:
    matched, missing, unexpected, renamed = (int(event.facts[n] or 0) for n in ("matched", "missing", "unexpected", "renamed"))
    if not missing or not unexpected:
        return None
    if matched and not (missing >= PART * (matched + missing) and renamed >= PART * missing):
        return None
    return Seen(
        f"of {matched + missing} entries of `{event.who}` only {matched} were loaded (at step {cycle.first}): {missing} are missing, such as "
        f"`{event.facts['first_missing']}`, and {unexpected} in the checkpoint have no place, such as `{event.facts['first_unexpected']}`",
        replace(event.place, detail=event.who),
        {"matched": matched, "missing": missing, "unexpected": unexpected, "renamed": renamed},
        advice=f"rename the entries ({event.facts['first_unexpected']} is probably {event.facts['first_missing']}) and load with strict=True",
    )


def _averages(result: WatchResult) -> Iterator[Seen]:
    """An average of the weights that is made of the weights themselves."""
    for path in result.aliases:
        last = path.rpartition(".")[2]
        line = only_line(result, lambda node, last=last: isinstance(node, (ast.Assign, ast.AnnAssign)) and last in map(last_name, targets(node)))  # type: ignore[misc]
        steps = [event.place for _, event in result.events("step")]
        yield Seen(
            f"`{path}` holds the very tensors that the optimizer moves, and no copies of them: it is no average, it is always the weights of the last "
            f"step (steps 1 to {result.steps - 1})",
            replace(line or next(iter(steps), Location()), detail=path), {"updates": result.steps},
            advice="copy them: {name: p.detach().clone() for name, p in model.named_parameters()}, or copy.deepcopy(model)",
        )  # fmt: skip


# -- what was kept, by the text -----------------------------------------------------------------------------------


def _kept(result: WatchResult, scope: Scope) -> Iterator[Seen]:
    """`best_state = model.state_dict()` under `if loss < best:`, used later, with updates in between."""
    for node in scope.nodes():
        for target, value in _pairs(node):
            model = _model_of(result, target, value)
            around = scope.around(node) if model else []
            branch = next((n for n in around if isinstance(n, ast.If) and _is_best_of(scope, n, target)), None)
            if branch is None or not _stays(scope, branch, node, target, model):
                continue
            updates = _updates_after(result, scope, node, whole=not calls(value, "state_dict"))
            if updates > 0:
                what = "it is the model itself" if isinstance(value, (ast.Name, ast.Attribute)) else "state_dict() gives the model's own tensors"
                yield Seen(
                    f"`{dotted(target)}` is kept as the best, but {what}, and {updates} of {result.steps} updates came after it was first "
                    "kept: it is the last, not the best",
                    replace(scope.place(node), detail=dotted(target)), {"updates_after": updates, "updates": result.steps},
                    advice=f"copy it: {dotted(target)} = copy.deepcopy({ast.unparse(value)})",
                )  # fmt: skip


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and len(target.elts) == len(node.value.elts):
                yield from zip(target.elts, node.value.elts, strict=True)
    elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        yield from ((target, node.value) for target in targets(node))


def _model_of(result: WatchResult, target: ast.expr, value: ast.expr) -> str:
    """The model whose own tensors are assigned: by its state without a copy, or itself under a name with "best"."""
    while isinstance(value, ast.Call) and last_name(value.func) in SHALLOW:  # dict(state), copy.copy(state), state.copy()
        value = value.args[0] if value.args else value.func.value if isinstance(value.func, ast.Attribute) else ast.Constant(0)
    if isinstance(value, ast.Call):
        return dotted(value.func.value) if isinstance(value.func, ast.Attribute) and value.func.attr == "state_dict" else ""
    known = {model.name for model in result.models}
    return dotted(value) if dotted(value) in known and "best" in dotted(target).lower() else ""


def _is_best_of(scope: Scope, branch: ast.If, target: ast.expr) -> bool:
    """Whether the branch is taken for a new best: a comparison with something that it then sets, or a name that says so."""
    tests = [branch.test, *(n.value for n in scope.nodes() if isinstance(n, ast.Assign) and dotted(n.targets[0]) == dotted(branch.test) != "")]
    orders = [n for test in tests for n in ast.walk(test) if isinstance(n, ast.Compare) and isinstance(n.ops[0], (ast.Lt, ast.Gt, ast.LtE, ast.GtE))]
    compared = {name for order in orders for name in names(order)}
    set_there = {dotted(t) for statement in branch.body for t in targets(statement)}
    return bool(orders) and bool(compared & set_there or "best" in dotted(target).lower())


def _stays(scope: Scope, branch: ast.If, node: ast.AST, target: ast.expr, model: str) -> bool:
    """Whether what is kept is left as it is in the branch, is used elsewhere, and the model is the same all along."""
    name = dotted(target)
    own = [n for statement in branch.body for n in ast.walk(statement)]
    if any(isinstance(n, (ast.Break, ast.Return)) for n in own):
        return False  # nothing is trained after it
    if any(name in {dotted(t) for t in targets(n)} for n in own if n is not node) or _loads(own, name):
        return False  # copied or saved at once
    loop = next(iter(scope.loops(node)), None)
    root = model.split(".")[0] if not model.startswith("self.") else model
    made = {dotted(t) for n in ast.walk(loop) for t in targets(n)} if loop is not None else set()
    if made & {model, root}:
        return False  # a new model in every round
    inside = set(map(id, own))
    return bool(_loads([n for n in scope.nodes() if id(n) not in inside], name)) or "." in name


def _loads(nodes: list[ast.AST], name: str) -> list[ast.AST]:
    return [n for n in nodes if isinstance(n, (ast.Name, ast.Attribute)) and isinstance(n.ctx, ast.Load) and dotted(n) == name]


def _updates_after(result: WatchResult, scope: Scope, node: ast.AST, *, whole: bool) -> int:
    """Updates after the line ran first, of one and the same model; of a plain assignment (`whole`) nobody saw when it ran."""
    if whole:
        loop = next((n for n in scope.around(node) if isinstance(n, LOOPS)), None)
        inside = loop is not None and any(scope.covers(loop, event.place) for _, event in result.events("forward", "step", "epoch", "mode"))
        return max(0, result.steps - 1) if inside or (loop is not None and calls(loop, *_trainers(result))) else 0
    ran = [(cycle, event) for cycle, event in result.events("state") if scope.covers(node, event.place)]
    if len({event.who for _, event in ran}) != 1:
        return 0
    return max(0, result.steps - min(cycle.first for cycle, _ in ran) - 1)


def _trainers(result: WatchResult) -> list[str]:
    """Functions in which an optimizer steps, as far as they were read."""
    steps = [event.place for _, event in result.events("step")]
    return [s.name for s in scopes(result.sources) if s.name and any(s.covers(s.node, place) for place in steps)]
