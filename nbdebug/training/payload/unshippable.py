"""Which variable it is that cannot be shipped, and what to do about it: pickle's own error names neither."""

from __future__ import annotations

import io
import threading
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.data.dataloader import _BaseDataLoaderIter

from nbdebug.errors import LaunchError, first_line
from nbdebug.training.job import Job
from nbdebug.training.payload.by_value import used_globals
from nbdebug.training.payload.parts import roots, size

DEEPEST = 40  # steps from a variable to the culprit
LONGEST = 160  # characters of a path; further in nobody reads it
FACTORY = "pass launch() a function that builds the setup, and it is built in each rank"
OFTEN_LIVE = ("socket", "sqlite3", "psycopg", "pymongo", "redis", "h5py", "lmdb", "zmq", "requests", "boto", "botocore", "grpc")  # modules of connections and open files


def refusal(job: Job, error: Exception) -> LaunchError:
    """What to tell the user when a job cannot be pickled."""
    for name, root in roots(job).items():
        if (reason := _fails(root)) is not None:
            path, culprit, reason = _culprit(name, root, reason)
            path = path if len(path) <= LONGEST else f"{path[:LONGEST]}…"
            return LaunchError(f"{path} cannot be shipped to the ranks: {_said(culprit, reason)}; {_advice(culprit)}")
    return LaunchError(f"this training cannot be shipped to the ranks: {first_line(error)}; {FACTORY}")


def _fails(thing: Any) -> Exception | None:
    try:
        size(thing)
    except Exception as error:
        return error
    return None


def _culprit(path: str, thing: Any, error: Exception) -> tuple[str, Any, Exception]:
    """The innermost thing that cannot be pickled though all that it holds can."""
    seen: set[int] = set()
    for _ in range(DEEPEST):
        seen.add(id(thing))
        inner = ((step, part, reason) for step, part in _held(thing) if id(part) not in seen and (reason := _fails(part)) is not None)
        found = next(inner, None)
        if found is None:
            break
        step, thing, error = found
        path = step(path)
    return path, thing, error


Step = Callable[[str], str]  # the path of the whole → the path of the part


def _held(thing: Any) -> Iterator[tuple[Step, Any]]:
    """What a thing holds, as pickle would meet it."""
    if isinstance(thing, torch.jit.ScriptModule) or (isinstance(thing, nn.Module) and parametrize.is_parametrized(thing)):
        return  # refuses by itself; what holds it is not to blame
    if isinstance(thing, Mapping):
        for key, item in list(thing.items()):
            yield _then(f"[{key!r}]"), item
    elif isinstance(thing, (list, tuple, deque)):
        for number, item in enumerate(thing):
            yield _then(f"[{number}]"), item
    elif isinstance(thing, (set, frozenset)):
        for item in thing:
            yield _then("'s items"), item
    elif isinstance(thing, types.FunctionType):
        yield from _used(thing)
    elif isinstance(thing, types.MethodType):
        yield _then(".__self__"), thing.__self__
        yield _same, thing.__func__
    elif isinstance(thing, partial):
        yield _then(".func"), thing.func
        yield _then(".args"), thing.args
        yield _then(".keywords"), thing.keywords
    elif isinstance(thing, type):
        for name, item in vars(thing).items():
            if not name.startswith("__") or isinstance(item, types.FunctionType):
                yield _then(f".{name}"), getattr(item, "__func__", item)
    else:
        yield from _attributes(thing)


def _used(function: types.FunctionType) -> Iterator[tuple[Step, Any]]:
    """The variables that a function uses."""
    called = function.__qualname__.replace(".<locals>", "").replace("<lambda>", "lambda")
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield _uses(name, called), cell.cell_contents
        except ValueError:  # not filled yet
            continue
    for name in used_globals(function):
        yield _uses(name, called), function.__globals__[name]
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield _then("'s default argument"), value


def _attributes(thing: Any) -> Iterator[tuple[Step, Any]]:
    if isinstance(thing, nn.Module):
        for group in ("_modules", "_parameters", "_buffers"):
            for name, item in vars(thing).get(group, {}).items():
                yield _then(f"[{name}]" if name.isdigit() else f".{name}"), item
    held = dict(getattr(thing, "__dict__", {}))
    slots = [name for kind in type(thing).__mro__ for name in _names(vars(kind).get("__slots__", ()))]
    held.update((name, getattr(thing, name)) for name in slots if hasattr(thing, name))
    for name, item in held.items():
        if not (isinstance(thing, nn.Module) and name in ("_modules", "_parameters", "_buffers")):
            yield _then(f".{name}"), item
    yield _then(f" (its class {type(thing).__name__})"), type(thing)


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _then(suffix: str) -> Step:
    return lambda path: path + suffix


def _same(path: str) -> str:
    return path


def _uses(name: str, function: str) -> Step:
    return lambda path: f"{name}, which {function} uses,"


# -- in words -------------------------------------------------------------------------------------------------------


def _said(thing: Any, error: Exception) -> str:
    if isinstance(thing, nn.Module) and parametrize.is_parametrized(thing):
        return f"it is a {type(thing).__name__} made by torch.nn.utils.parametrize, and torch keeps of those only the state_dict"
    return f"it is a {type(thing).__module__}.{type(thing).__qualname__} ({first_line(error)})".replace("builtins.", "")


def _advice(thing: Any) -> str:
    home = type(thing).__module__.split(".")[0]
    if isinstance(thing, nn.Module) and parametrize.is_parametrized(thing):
        return f"{FACTORY}; in it, load the weights you have now with model.load_state_dict(torch.load(path))"
    if isinstance(thing, torch.jit.ScriptModule):
        return "pass the model as it was before torch.jit.script, and script it in the ranks"
    if isinstance(thing, io.IOBase) or home in OFTEN_LIVE:
        return "keep its path or address instead, and open it where it is first used, in __getitem__: every worker then has one of its own"
    if isinstance(thing, (threading.Thread, type(threading.Lock()), type(threading.RLock()), threading.Condition, threading.Event, threading.Semaphore)):
        return "make it where it is first used: it means nothing in another process"
    if isinstance(thing, _BaseDataLoaderIter):
        return "keep the DataLoader instead of iter(loader)"
    if isinstance(thing, (types.GeneratorType, types.CoroutineType)):
        return "make a list of it, or keep the function that makes it"
    if home == "torch" and type(thing).__module__.startswith("torch.cuda"):
        return "make it in the ranks: it belongs to the kernel's own GPU context"
    return f"leave it out, or make it where it is first used; or {FACTORY}"
