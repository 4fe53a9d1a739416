"""Finding what a setup reaches: one bounded walk over attributes, items, closures, and the global names that the
user's own functions use. It only looks: no property is asked, nothing is called.
"""

from __future__ import annotations

import functools
import os
import random
import re
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched.session import HOOKS, Session, code_names, dotted, global_names

MOST_STEPS = 6  # how far a plain attribute may lie from its module, loader or loss; our choice
MOST_KEPT = 1_000_000  # length of a list whose content is put aside; only references are copied
MOST_ITEMS = 512  # looked at in one plain list or dict, and
MOST_OBJECTS = 20_000  # in all: bounds the time at some 20 ms; modules do not count
ENTRIES = ("forward", "__call__", "__getitem__", "__getitems__", "__iter__")  # where a class's own code starts to run
CONTAINERS = (dict, OrderedDict, defaultdict, Counter, list, deque, set)  # exactly these: a subclass may mean more
GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
ATOMS = (str, bytes, int, float, complex, bool, type(None), type, types.ModuleType, np.ndarray, torch.dtype, torch.device)
OPAQUE = frozenset(  # what objects of these keep inside is no state of a training, or too large to look through
    ["nbdebug", "pandas", "polars", "pyarrow", "PIL", "h5py", "zarr", "matplotlib", "IPython", "ipykernel", "threading"]
)
INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]")
LIBRARIES = (os.path.dirname(os.__file__) + os.sep, *(path + os.sep for path in torch.__path__))

OWN, DATA, LIBRARY = "own", "data", "library"  # of the training; of a loader; inside an installed package's object


def session_of(setup: TrainingSetup, *, weights: bool) -> Session:
    """All that this setup reaches, as it is now."""
    session = Session(setup, weights)
    _Walk(session).run()
    return session


class _Walk:
    """Breadth first but for what is registered, so that a thing gets the plainest of its names."""

    def __init__(self, session: Session) -> None:
        self.session, self.plain = session, 0
        self.seen: set[int] = set()
        self.code: dict[type, list[types.FunctionType]] = {}
        self.ahead: deque[tuple[str, Any, int, str]] = deque()  # name, value, steps from a root, whose

    def run(self) -> None:
        setup = self.session.setup
        self.ahead.append(("model", setup.model, 0, OWN))
        for name, members in (("optimizer", setup.optimizers), ("scheduler", setup.schedulers)):
            single = len(members) == 1
            self.ahead += [(name if single else f"{name}[{n}]", member, 0, OWN) for n, member in enumerate(members)]
        self.ahead += [(name, getattr(setup, name), 0, OWN) for name in ("loss_fn", "scaler", "batch_loss")]
        self.ahead += [(name, getattr(setup, name), 0, DATA) for name in ("train_loader", "val_loader")]
        while self.ahead:
            self._visit(*self.ahead.popleft())

    def _visit(self, name: str, value: Any, steps: int, whose: str) -> None:
        if isinstance(value, ATOMS) or id(value) in self.seen or steps > MOST_STEPS:
            return
        self.seen.add(id(value))
        if isinstance(value, Tensor):
            if whose == OWN and (isinstance(value, nn.Parameter) or (value.is_leaf and value.requires_grad)):
                self._keep(self.session.parameters, name, value)
        elif isinstance(value, nn.Module):
            self._module(name, value, steps)
        elif self.plain < MOST_OBJECTS:
            self.plain += 1
            self._plain(name, value, steps + 1, whose)

    # -- what a thing leads to, by its kind -----------------------------------------------------------------

    def _module(self, name: str, module: nn.Module, steps: int) -> None:
        self._keep(self.session.modules, name, module)
        registered = [(dotted(name, key), parameter) for key, parameter in module._parameters.items()]
        registered += [(name if k == "_orig_mod" else dotted(name, k), child) for k, child in module._modules.items()]
        for path, part in reversed(registered):  # next in turn: that is the name everybody knows them by
            self.ahead.appendleft((path, part, 0, OWN))
        if type(module).__module__.startswith("torch._"):  # a compiled model keeps its compiler in attributes
            return
        for key, value in vars(module).items():
            if key in HOOKS:
                if value:
                    self._items(dotted(name, key), value, steps + 1, OWN)
            elif key not in ("_parameters", "_modules", "_buffers"):
                self.ahead.append((dotted(name, key), value, steps + 1, OWN))
        self._own_code(name, module, steps, OWN)

    def _plain(self, name: str, value: Any, steps: int, whose: str) -> None:
        session = self.session
        if isinstance(value, GENERATORS):
            self._keep(session.generators, name, value)
        elif isinstance(value, Optimizer):
            self._keep(session.optimizers, name, value)
            for group in value.param_groups:
                self._items(f"{name} parameter", group["params"], steps, OWN)
            self._attributes(name, value, steps, OWN, without=("state", "param_groups"))
        elif isinstance(value, torch.amp.GradScaler):
            self._keep(session.scalers, name, value)
        elif isinstance(value, LRScheduler) or any(value is given for given in session.setup.schedulers):
            self._keep(session.schedulers, name, value)
            self._attributes(name, value, steps, OWN)
        elif isinstance(value, (*CONTAINERS, tuple)):
            if type(value) in CONTAINERS and whose != LIBRARY and len(value) <= MOST_KEPT:
                self._keep(session.containers, name, value, whose)
            self._items(name, value, steps, whose)
        elif isinstance(value, functools.partial):
            self._items(name, [value.func, *value.args, *value.keywords.values()], steps, whose)
        elif isinstance(value, types.MethodType):
            self._items(name, [value.__self__, value.__func__], steps, whose)
        elif isinstance(value, types.FunctionType):
            self._function(name, value, steps, whose)
        elif type(value).__dictoffset__:
            self._object(name, value, steps, whose)

    def _object(self, name: str, value: Any, steps: int, whose: str) -> None:
        """An object of the user's class is kept; one of an installed package's is only searched for generators, and
        only in loaders: a logger with a thread of its own, say, must not be put back to where it was."""
        package = type(value).__module__
        if package.startswith("torch.utils.data.") and not type(value).__name__.startswith("_"):  # loaders, samplers
            whose, without = DATA, ("_iterator",)  # it belongs to living workers
        elif _is_users(type(value)):
            whose, without = (DATA if whose == LIBRARY else whose), ()
        elif whose == OWN or package.split(".")[0] in OPAQUE or package.startswith("torch"):
            return
        else:
            self._attributes(name, value, steps, LIBRARY)
            return
        self._keep(self.session.holders, name, value, whose)
        self._attributes(name, value, steps, whose, without)
        self._own_code(name, value, steps, whose)

    def _items(self, name: str, values: Any, steps: int, whose: str) -> None:
        pairs = values.items() if isinstance(values, dict) else enumerate(values)
        for key, item in islice(pairs, MOST_ITEMS):
            if not isinstance(item, ATOMS):
                self.ahead.append((f"{name}[{key!r}]", item, steps, whose))

    def _attributes(self, name: str, value: Any, steps: int, whose: str, without: tuple[str, ...] = ()) -> None:
        for key, item in vars(value).items():
            if key not in without:
                self.ahead.append((f"{name}.{key}", item, steps, whose))

    def _function(self, name: str, function: types.FunctionType, steps: int, whose: str) -> None:
        self._items(name, list(vars(function).values()), steps, whose)  # what a decorator wrapped lies here
        if (function.__module__ or "").startswith("torch."):
            return
        for key, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self.ahead.append((key, cell.cell_contents, steps, whose))
            except ValueError:  # a cell that is still empty
                continue
        if _is_users(function):
            self._keep(self.session.functions, name, function, whose)
            for key in sorted(global_names(function.__code__) & function.__globals__.keys()):
                self.ahead.append((key, function.__globals__[key], steps, whose))

    def _own_code(self, name: str, value: Any, steps: int, whose: str) -> None:
        """The methods that run when a module, a loss or a dataset of the user's is used."""
        if type(value) not in self.code:
            self.code[type(value)] = own_methods(type(value))
        for method in self.code[type(value)]:
            self.ahead.append((f"{name}.{method.__name__}", method, steps + 1, whose))

    def _keep(self, shelf: dict[str, Any], name: str, value: Any, whose: str = OWN) -> None:
        while name in shelf:  # a compiled model and what it compiles, say
            name += "'"
        shelf[name] = value
        if whose != OWN:
            self.session.data.add(id(value))


def own_methods(kind: type) -> list[types.FunctionType]:
    """The user's own methods that are called, by way of others too, from where the class's code starts to run."""
    if not any(isinstance(f := vars(owner).get(entry), types.FunctionType) and _is_users(f) for owner in kind.__mro__ for entry in ENTRIES):
        return []  # so it is with most modules, whose class and all that it inherits are torch's
    methods: dict[str, types.FunctionType] = {}
    for owner in reversed(kind.__mro__):
        methods.update({k: f for k, f in vars(owner).items() if isinstance(f, types.FunctionType)})
    ahead, found = [entry for entry in ENTRIES if entry in methods], []
    while ahead:
        method = methods.pop(ahead.pop(), None)
        if method is not None and _is_users(method):
            found.append(method)
            ahead.extend(code_names(method.__code__) & methods.keys())
    return found


def _is_users(thing: types.FunctionType | type) -> bool:
    """Whether a function or class was written in a notebook or a file of the user's, and not installed."""
    package = thing.__module__ or ""
    if isinstance(thing, types.FunctionType):
        file = thing.__code__.co_filename
    else:
        file = getattr(sys.modules.get(package), "__file__", None) or ("" if package == "__main__" else LIBRARIES[0])
    ours = package.split(".")[0] == "nbdebug"
    return not (ours or file.startswith(LIBRARIES) or INSTALLED.search(file))
