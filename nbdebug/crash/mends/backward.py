"""Backward passes: of no scalar, a second time, without a gradient to compute. In-place damage is traced in `inplace.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.lending import lent
from nbdebug.crash.sandbox import Steps
from nbdebug.crash.source import Source
from nbdebug.listening import Call
from nbdebug.source_lines import variables_of


def tries(failure: Failure) -> Iterator[Try]:
    if "implicitly created only for scalar" in failure.message:
        yield from _not_reduced(failure)
    elif "a second time" in failure.message:
        yield from _second_time(failure)
    elif "a leaf Variable that requires grad" in failure.message or "a view of a leaf Variable" in failure.message:
        yield from _leaf(failure)
    elif "does not require grad" in failure.message:
        yield from _no_gradient(failure)


def _not_reduced(failure: Failure) -> Iterator[Try]:
    loss = next((t for _, t in failure.all_tensors()), None)
    shape = f" has the shape {tuple(loss.shape)}" if loss is not None else " is no single number"
    why = f"backward() starts from one number, and {failure.word(loss, 'the loss')}{shape}: reduction='none', or a mean that is missing"
    reduced = lambda call, args, kwargs: call(args[0].mean(), *args[1:], **kwargs)  # noqa: E731
    yield Try("reduce the loss", failure.edit(loss, "{}.mean()"), reduced, why)


def _leaf(failure: Failure) -> Iterator[Try]:
    source = failure.source
    text = source.segment(source.statement) if source is not None and source.statement is not None else ""

    def unrecorded(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with torch.no_grad():
            return call(*args, **kwargs)

    why = "a weight was written to while autograd was recording"
    yield Try("write to it without recording", f"with torch.no_grad():\n    {text}" if text else "with torch.no_grad(): ...", unrecorded, why)


# -- a second time ------------------------------------------------------------------------------------------------


def _second_time(failure: Failure) -> Iterator[Try]:
    source = failure.source
    if source is None or source.tree is None:
        return
    carried = _carried(source)
    if carried:
        name, called = carried[0], source.expression.func.value if isinstance(source.expression, ast.Call) and isinstance(source.expression.func, ast.Attribute) else None
        what = f"cut {' and '.join(carried)} off from the step before, after backward()"
        if isinstance(called, ast.Name) and called.id in carried:
            what = f"call backward() on this step's own loss, and keep numbers in {name} (loss.item()); or cut it off after backward()"
        why = f"{name} comes from the step before with its whole graph, and that graph was freed by the backward() of that step"
        done = "works: tried on copies, with it detached forward and backward run" if _runs(source, None) else ""
        held = variables_of(source.stop.frame)
        code = "\n".join(f"{n} = {n}.detach()" if isinstance(held.get(n), Tensor) else f"{n} = tuple(h.detach() for h in {n})" for n in carried)
        yield Try(what, code, None, why, done)
        return
    before = _backward_before(source)
    if before is not None:
        call, text = before
        if _is_same_loss(source, call):
            why = f"`{text}` in line {call.lineno} went through the graph of this very loss, and freed it"
            yield Try("call backward() once: take one of the two lines out", "", None, why)
            return
        others = [keyword for keyword in call.keywords if keyword.arg != "retain_graph"]
        kept = ast.unparse(ast.Call(call.func, call.args, [*others, ast.keyword("retain_graph", ast.Constant(True))]))
        why = f"`{text}` freed the part of the graph that both losses share"
        done = "works: tried on copies, both backward passes run" if _runs(source, _retaining) else ""
        yield Try("keep the graph of the first, or add both losses and call backward() once", kept, None, why, done)


def _carried(source: Source) -> list[str]:
    """Variables that a loop reads before it sets them, and that hold a graph."""
    loops = [b.owner for b in source.blocks if isinstance(b.owner, (ast.For, ast.While))]
    if not loops:
        return []
    held = variables_of(source.stop.frame)
    loop = loops[-1]
    seen: set[str] = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)} if isinstance(loop, ast.For) else set()
    found = []
    for statement in loop.body:
        names = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
        stored = {n.id for n in names if isinstance(n.ctx, ast.Store)}
        found += [n.id for n in names if isinstance(n.ctx, ast.Load) and n.id not in seen and _has_graph(held.get(n.id))]
        seen |= stored
    later = {n.id for s in loop.body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return [name for name in dict.fromkeys(found) if name in later]


def _has_graph(value: Any) -> bool:
    items = value if isinstance(value, (tuple, list)) else [value]
    return any(isinstance(item, Tensor) and item.grad_fn is not None for item in items)


def _backward_before(source: Source) -> tuple[ast.Call, str] | None:
    """The last backward() above the one that raised."""
    calls = [n for b in source.blocks for s in b.body for n in ast.walk(s) if isinstance(n, ast.Call)]
    above = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "backward" and c.lineno < source.stop.line]
    return (above[-1], source.segment(above[-1])) if above else None


def _is_same_loss(source: Source, before: ast.Call) -> bool:
    """Whether both backward() are of one variable that was not set between them."""
    now = source.expression.func if isinstance(source.expression, ast.Call) else None
    if not isinstance(now, ast.Attribute) or not isinstance(before.func, ast.Attribute) or not isinstance(now.value, ast.Name):
        return False
    name, lines = now.value.id, range(before.lineno + 1, source.stop.line)
    sets = [n for b in source.blocks for s in b.body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return ast.unparse(before.func.value) == name and not any(n.id == name and n.lineno in lines for n in sets)


def _retaining(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return call(*args, **{**kwargs, "retain_graph": True})


def _runs(source: Source, every_backward: Any) -> bool:
    """Whether the step, from its first statement, runs on copies: with each backward() called in another way, if that is said."""
    steps = Steps(source, whole=True)
    try:
        with lent(steps, Tensor.backward, every_backward):
            steps()
    except Exception:
        return False
    return True


# -- no gradient --------------------------------------------------------------------------------------------------


def _no_gradient(failure: Failure) -> Iterator[Try]:
    tape = failure.rerun.tape if failure.rerun is not None else None
    cuts = [call for call in tape.calls if _cuts(call)] if tape is not None else []
    held = failure.users.variables(failure.source.stop) if failure.source is not None else {}
    frozen = [name for name, m in held.items() if isinstance(m, nn.Module) and list(m.parameters()) and not any(p.requires_grad for p in m.parameters())]
    if not cuts and frozen:
        why = f"no weight of {frozen[0]} wants a gradient: all of them are frozen"
        yield Try("thaw what is to be trained", f"{frozen[0]}.requires_grad_(True)", None, why)
        return
    if not cuts:
        why = "nothing that the loss was made of wants a gradient"
        yield Try("look for detach(), item(), no_grad() or frozen weights on the way to the loss: requires_grad must be True somewhere", "", None, why)
        return
    cut = cuts[-1]
    place = f" in {cut.line}" if cut.line is not None else ""
    why = f"the graph ends at {cut.name}{place}: what goes in wants a gradient, what comes out has none"
    if not cut.grad_enabled:
        yield Try("take the forward pass out of torch.no_grad()", "", None, why)
    elif cut.name in ("argmax", "argmin", "round", "floor", "ceil", "sign", "eq", "gt", "lt", "long", "int", "bool", "to"):
        yield Try(f"let the loss use what goes into {cut.name}, which has no gradient", "", None, why)
    else:
        yield Try(f"do without {cut.name}", "", None, why)


def _cuts(call: Call) -> bool:
    wanted = any(t.requires_grad for t in call.inputs())
    outputs = call.outputs()
    return wanted and bool(outputs) and call.name not in ("size", "shape", "dim") and not any(t.requires_grad for t in outputs)
