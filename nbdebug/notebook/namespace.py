"""Which variable is the model? Finds a training among the notebook's variables and says what it took and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbdebug.errors import SetupError
from nbdebug.notebook.candidates import Variable
from nbdebug.notebook.choosing import CHOOSERS
from nbdebug.notebook.search import SAY, LeftAside, Search, Taken, by_usual_name, listed
from nbdebug.notebook.variables import look_up
from nbdebug.training_setup import TrainingSetup

ROLES = (
    "model", "loss_fn", "optimizer", "train_loader", "val_loader", "scheduler", "scaler", "batch_loss",
)  # fmt: skip
SAID = "you said so"
LINE_WIDTH = 110  # columns that JupyterLab shows beside its file list; more is cut in the middle of a word


@dataclass(frozen=True)
class Discovery:
    """A training found among variables, or made of them."""

    setup: TrainingSetup
    taken: tuple[Taken, ...]
    left_aside: tuple[LeftAside, ...]
    call: str  # the Python expression that makes this setup


def discover(namespace: Mapping[str, Any], said: Mapping[str, str] | None = None, *, precision: str | None = None) -> Discovery:
    """Finds a training among variables.

    Args:
        namespace: the variables by name, such as `globals()`.
        said: role → variable name, decided by the user; `None` as a name leaves the role empty.
        precision: as `TrainingSetup.precision`; None: "16-mixed" with an enabled GradScaler, else "32-true".

    Raises:
        SetupError: there is no model, or several variables could be it and nothing decides.
    """
    said = dict(said or {})
    search = Search(namespace)
    for role, text in said.items():
        search.taken[role] = Taken(role, text.strip(), look_up(namespace, text), SAID)
    setups = [] if "model" in said else search.candidates("setup")
    if setups:
        return _ready_made(search, setups, precision)
    for role, choose in CHOOSERS.items():
        if role not in said:
            choose(search)
    return _assembled(search, precision)


def _assembled(search: Search, precision: str | None) -> Discovery:
    if search.value("model") is None:
        raise SetupError(f"a setup needs a model: say {SAY} model=...")
    taken = [search.taken[role] for role in ROLES if role in search.taken]
    if precision is None and (scaler := search.value("scaler")) is not None and scaler.is_enabled():
        precision = "16-mixed"
        taken.append(Taken("precision", "'16-mixed'", precision, f"{search.taken['scaler'].variable} is enabled"))
    elif precision is not None:
        taken.append(Taken("precision", repr(precision), precision, SAID))
    given = {t.role: t for t in taken if t.value is not None}
    setup = TrainingSetup(**{role: t.value for role, t in given.items()})
    call = _call("nbdebug.TrainingSetup", [f"{role}={_as_python(t.variable)}" for role, t in given.items()])
    return Discovery(setup, tuple(taken), tuple(search.left_aside), call)


def _ready_made(search: Search, setups: list[Variable], precision: str | None) -> Discovery:
    """A TrainingSetup among the variables wins; what was said replaces its parts."""
    if len(setups) > 1:
        setups, rest = by_usual_name(setups, "setup", f"{listed(setups)} are all a TrainingSetup: delete one, or say model=...")
        search.leave("setup", rest, f"{setups[0].name} was preferred by its name")
    name, changes = setups[0].name, {role: t.value for role, t in search.taken.items()}
    texts = [f"{role}={_as_python(t.variable)}" for role, t in search.taken.items()]
    taken = [Taken("setup", name, setups[0].value, "is a TrainingSetup"), *search.taken.values()]
    if precision is not None:
        changes["precision"] = precision
        texts.append(f"precision={precision!r}")
        taken.append(Taken("precision", repr(precision), precision, SAID))
    setup = dataclasses.replace(setups[0].value, **changes) if changes else setups[0].value
    call = _call("dataclasses.replace", [name, *texts]) if changes else name
    return Discovery(setup, tuple(taken), tuple(search.left_aside), call)


def _call(function: str, arguments: list[str]) -> str:
    """The call on one line, or, where that would be cut in the middle of a name, on several."""
    on_one = f"{function}({', '.join(arguments)})"
    if len(on_one) <= LINE_WIDTH:
        return on_one
    lines = [""]
    for argument in arguments:
        if lines[-1] and len(lines[-1]) + len(argument) > LINE_WIDTH - 6:
            lines.append("")
        lines[-1] += f" {argument}," if lines[-1] else f"{argument},"
    inside = "\n    ".join(lines).removesuffix(",")
    return f"{function}(\n    {inside}\n)"


def _as_python(text: str) -> str:
    """`a,b` as `(a, b)`, so that it can stand as one argument."""
    return f"({text})" if "," in text and not text.startswith(("(", "[")) else text
