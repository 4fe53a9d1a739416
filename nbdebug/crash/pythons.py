"""Errors that are no operation's: a module without its `super().__init__()`, a loop that nbdebug itself stopped, a name that is not there."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import re
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from nbdebug.crash.failure import Failure
from nbdebug.crash.result import Crash, Mend
from nbdebug.crash.scene import Scene
from nbdebug.crash.source import Source
from nbdebug.errors import NbdebugError, NotFinite

UNTRIED = "not tried"
OF_NBDEBUG = "nbdebug raised this itself, and its message says what to do"
OF_AN_ARMED_LOOP = "nbdebug stopped the loop here; its report says where the first NaN was born, and of what"
UNBUILT = re.compile(r"before Module\.__init__\(\) call|has no attribute '_(modules|parameters|buffers|\w+_hooks)'")


def of_nbdebug(crash: Crash, error: BaseException) -> Crash | None:
    """What nbdebug itself raised needs no explanation but where to read on; None for any other error."""
    if isinstance(error, NotFinite):
        mends = (Mend("read its report", "error.report  # of the exception, in a notebook sys.last_value.report", "", ""),)
        return replace(crash, tensors=False, why=OF_AN_ARMED_LOOP, mends=mends if error.report is not None else ())
    return replace(crash, tensors=False, why=OF_NBDEBUG) if isinstance(error, NbdebugError) else None


# -- a module whose __init__ does not call that of nn.Module ------------------------------------------------------


def of_an_unbuilt_module(crash: Crash, scene: Scene) -> Crash | None:
    """A module was used before nn.Module had made its registers; None when that is not what happened."""
    module = _unbuilt(scene) if UNBUILT.search(scene.message) else None
    if module is None:
        return None
    kind = _without_super(type(module))
    why = f"{kind.__name__}.__init__ does not call super().__init__() before it uses what nn.Module makes there"
    what, code = f"make super().__init__() the first line of {kind.__name__}.__init__", _beginning(kind)
    if dataclasses.is_dataclass(kind) and "__post_init__" not in vars(kind):
        what = f"write the __init__ of {kind.__name__} by hand, without @dataclass, and begin it with super().__init__()"
        code = ""
    return replace(crash, phase="model", why=why, mends=(Mend(what, code, why, UNTRIED),))


def _unbuilt(scene: Scene) -> nn.Module | None:
    held = (value for stop in reversed(scene.stops) for value in scene.variables(stop).values())
    return next((value for value in held if isinstance(value, nn.Module) and "_modules" not in vars(value)), None)


def _beginning(kind: type) -> str:
    try:
        return f"def __init__{inspect.signature(vars(kind)['__init__'])}:\n    super().__init__()\n    ..."
    except (KeyError, TypeError, ValueError):
        return ""


def _without_super(kind: type) -> type:
    """The class of the user's whose __init__ runs, or is to be written."""
    return next((base for base in kind.__mro__ if "__init__" in vars(base) and base is not nn.Module), kind)


# -- a name that is not there -------------------------------------------------------------------------------------


def of_a_name(crash: Crash, failure: Failure) -> Crash:
    """An AttributeError for which no family had a mend: what the object is, and the name that is like it."""
    error = failure.scene.error
    name, owner = getattr(error, "name", None), getattr(error, "obj", None)
    crash = replace(crash, phase="" if crash.phase == "operation" else crash.phase)  # it is none of torch's
    if failure.message.startswith("'NoneType'"):
        return replace(crash, tensors=False, why=f"what {name} is asked of is None: it was never set, or the function that gave it has no return")
    if not isinstance(name, str) or owner is None:
        return replace(crash, tensors=False)
    what = "module " if isinstance(owner, type(re)) else "class " if isinstance(owner, type) else ""
    why = f"the {what}{owner.__name__ if what else type(owner).__name__} has no {name!r}"
    if isinstance(owner, (int, float)) and hasattr(Tensor, name):
        why += ": item() and the like make a plain number, which has neither a graph nor the methods of a tensor"
        code = _without_item(failure.source)
        return replace(crash, why=why, mends=(Mend(f"call {name} on the tensor itself", code, why, UNTRIED),))
    names = [n for n in _names(owner) if not n.startswith("_") or name.startswith("_")]
    meant = difflib.get_close_matches(name, names, n=1, cutoff=0.75)  # as Python's own suggestions, strict enough not to guess
    mends = (Mend(f"{meant[0]!r} is what comes closest", _renamed(failure.source, name, meant[0]), why, UNTRIED),) if meant else ()
    return replace(crash, tensors=bool(mends), why=why, mends=mends)


def _names(owner: Any) -> list[str]:
    try:
        return [name for name in dir(owner) if isinstance(name, str)]
    except Exception:  # a class of the user's may fail in its own __dir__
        return []


def _attribute(source: Source | None, name: str) -> ast.Attribute | None:
    nodes = ast.walk(source.statement) if source is not None and source.statement is not None else ()
    found = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr == name]
    return found[0] if len(found) == 1 else None


def _renamed(source: Source | None, name: str, meant: str) -> str:
    node = _attribute(source, name)
    return source.replaced(node, f"{source.segment(node.value)}.{meant}") if node is not None else ""


def _without_item(source: Source | None) -> str:
    """`loss.item().backward()` → `loss.backward()`."""
    node = _attribute(source, "item")
    nodes = ast.walk(source.statement) if node is not None else ()
    call = next((n for n in nodes if isinstance(n, ast.Call) and n.func is node), None)
    return source.replaced(call, source.segment(node.value)) if call is not None else ""
