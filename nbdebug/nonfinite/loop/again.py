"""The body of the user's loop, run once more outside of its frame: on copies of its variables, at its own lines."""

from __future__ import annotations

import ast
import contextlib
import copy
import io
import warnings
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

from torch import Tensor

from nbdebug.nonfinite.loop.borrowed import as_then, given_back, recorded
from nbdebug.nonfinite.loop.moments import CONTAINERS, FIRST_CALL, HEAD, Fetched, Moment, taken_up
from nbdebug.nonfinite.loop.source import Loop, loaded, read_first, stored_above, stored_from
from nbdebug.source_lines import variables_of

LEFT, ITEM = "__nbdebug_left__", "__nbdebug_item__"  # names in the namespace of the body: what `return` raises, what the `for` binds


class Left(BaseException):
    """The body returned from its function."""


class CannotRepeat(Exception):
    """Why this pass cannot be run again; a part of a sentence in the report."""


def run_again(moment: Moment, frame: FrameType) -> None:
    """Runs the body from the moment on; whatever it raises goes on. The user's variables are as they were, afterwards.

    Raises:
        CannotRepeat: the body needs its own frame, or a value that is gone.
    """
    loop = moment.loop
    if loop.obstacle:
        raise CannotRepeat(loop.obstacle)
    held = variables_of(frame)
    first = loop.place(moment.line) if moment.kind == FIRST_CALL else 0
    code = compiled(loop, first)
    variables = {**_variables(moment, first), LEFT: Left}
    with given_back(frame, held, loop.read), _silence(), contextlib.suppress(Left):
        as_then(moment, held)
        if held is frame.f_globals:  # of a cell or a script: the functions that the body calls read and write the same variables
            held.update(variables)
        with recorded(moment.batches):
            exec(code, held if held is frame.f_globals else {**frame.f_globals, **held, **variables})


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """What the body prints was printed when it ran first."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- the body as code -------------------------------------------------------------------------------------------


def compiled(loop: Loop, first: int) -> CodeType:
    """The body in a loop of one pass, so that `break` and `continue` have something to leave."""
    body = copy.deepcopy(loop.node.body[first:])
    once = ast.For(ast.Name("__nbdebug_once__", ast.Store()), ast.Tuple([ast.Constant(None)], ast.Load()), body, [])
    once = _Outside(loop.owner).visit(ast.fix_missing_locations(ast.copy_location(once, loop.node)))
    module = ast.Module([once], [])
    return compile(module, loop.code.co_filename, "exec", dont_inherit=True)


class _Outside(ast.NodeTransformer):
    """What only a function, or a method of this class, may say, said outside of it."""

    def __init__(self, owner: str) -> None:
        self._owner = owner.lstrip("_")

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        value = [ast.Expr(self.visit(node.value))] if node.value is not None else []
        return [ast.fix_missing_locations(ast.copy_location(s, node)) for s in (*value, ast.Raise(ast.Name(LEFT, ast.Load())))]

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node)

    visit_Nonlocal = visit_Global

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if self._owner and node.attr.startswith("__") and not node.attr.endswith("__"):
            node.attr = f"_{self._owner}{node.attr}"
        return node

    def visit_FunctionDef(self, node: Any) -> Any:
        return node  # its `return` is its own

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef


# -- the variables as they were ---------------------------------------------------------------------------------


def _variables(moment: Moment, first: int) -> dict[str, Any]:
    """The variables that the body hands on from pass to pass, as they were at the moment.

    Raises:
        CannotRepeat: one of them is gone.
    """
    loop = moment.loop
    if moment.kind == FIRST_CALL:
        if late := stored_above(loop.node.body[first:], moment.line) & read_first(loop.node.body[first:]):
            raise CannotRepeat(f"{_listed(late)} changed before the first call of the pass")
        return _taken_up(moment.variables)
    late = stored_above(loop.node.body, moment.first_line) if moment.seen is not None else frozenset()
    if moment.kind == HEAD:
        return {**_taken_up(moment.variables), **_targets(moment, late)}
    gone = (late & loop.carried) & (loop.targets | stored_from(loop.node.body, moment.line))
    if gone or (moment.seen is None and loop.targets & loop.carried):
        raise CannotRepeat(f"what {_listed(gone or loop.targets)} was when the pass began is not known any more")
    late |= _emptied(moment)
    return _taken_up({**moment.variables, **{n: v for n, v in (moment.seen or {}).items() if n not in late}})


def _emptied(moment: Moment) -> frozenset[str]:
    """Containers that the body turns to only before its first call, such as a queue that it takes from: as they were after the last update."""
    body = moment.loop.node.body
    above, below = loaded(body, below=moment.first_line), loaded(body, above=moment.line)
    return frozenset(n for n, v in moment.variables.items() if type(v) in CONTAINERS and n in above and n not in below)


def _targets(moment: Moment, late: frozenset[str]) -> dict[str, Any]:
    """What the `for` bound in this pass: from the batch that was fetched, and from what was seen at the first call."""
    loop = moment.loop
    seen = {n: v for n, v in (moment.seen or {}).items() if n in loop.targets and n not in late}
    derived = {n: v for n, v in _derived(moment).items() if v is not UNKNOWN}
    copied = any(f.copied for f in moment.batches)
    if any(isinstance(v, Tensor) and n in seen and seen[n] is not v for n, v in derived.items()) and not copied:
        derived = {}  # whatever the loader is wrapped in changes the batch
    found = {**_taken_up(seen), **derived}
    if gone := (loop.targets & loop.carried) - found.keys():
        raise CannotRepeat(f"what the loop bound to {_listed(gone)} is not known any more")
    return found


UNKNOWN = object()


def _derived(moment: Moment) -> dict[str, Any]:
    """The targets of the `for`, bound to the batches that came at its head."""
    node, namespace = moment.loop.node, {ITEM: UNKNOWN}
    assert isinstance(node, ast.For)
    at_head = [fetched for fetched in moment.batches if fetched.drawn is None]
    namespace[ITEM] = _item(node.iter, at_head)
    assign = ast.Assign([copy.deepcopy(node.target)], ast.Name(ITEM, ast.Load()))
    module = ast.Module([ast.fix_missing_locations(ast.copy_location(assign, node))], [])
    try:
        exec(compile(module, moment.loop.code.co_filename, "exec", dont_inherit=True), namespace)
    except Exception:  # not of the structure that we think
        return {}
    return {name: namespace[name] for name in moment.loop.targets if name in namespace}


def _item(node: ast.expr, at_head: list[Fetched]) -> Any:
    """An item of this expression, which passes the batches of a loader on."""
    if isinstance(node, ast.Call) and node.args:
        name = ast.unparse(node.func).rpartition(".")[2]
        if name == "zip":
            return tuple(_item(argument, at_head) for argument in node.args)
        if name == "enumerate":
            return (UNKNOWN, _item(node.args[0], at_head))
        if name in ("range", "count", "repeat"):
            return UNKNOWN
        return _item(node.args[0], at_head)  # a bar of progress, say
    return at_head.pop(0).batch if at_head else UNKNOWN


def _taken_up(variables: dict[str, Any]) -> dict[str, Any]:
    return {name: taken_up(value) for name, value in variables.items()}


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
