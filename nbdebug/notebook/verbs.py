"""The verbs of `%nbdebug`, in the order to reach for them, with their options and their help."""

from __future__ import annotations

import difflib
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from IPython.core.error import UsageError

import nbdebug
from nbdebug.instruments import LADDER
from nbdebug.instruments.base import INSTRUMENTS
from nbdebug.notebook.line import did_you_mean
from nbdebug.notebook.namespace import ROLES
from nbdebug.notebook.options import Option, options_of
from nbdebug.training_setup import PRECISIONS

ALIASES = {"data": "data_audit", "loader": "loader_audit", "step": "first_step"}
VAL = "val"  # what is validated on, of data without a model
VARIABLES = ("tokenizer", "predictions")  # options whose value is a variable
PRECISION = Option("precision", str, None, "autocast of the training; default: 16-mixed with a GradScaler, else 32-true", tuple(PRECISIONS))
BUDGET = Option("budget", str, None, 'stop after this time, such as "20 s" or "2 min", with what there is', optional=True)


@dataclass(frozen=True)
class Verb:
    """One thing that `%nbdebug` can do."""

    name: str
    about: str  # one line
    doc: str  # the rest of its help
    options: tuple[Option, ...] = ()
    takes: str = "roles"  # what else stands on the line: "roles", "code", "history", "cell" (a cell below, and few roles) or nothing
    file: bool = False  # whether the name of a file stands first
    target: Any = None  # the callable with .follow that a measuring verb stands for
    call: str = ""  # how that callable is written in Python
    named: tuple[str, ...] = ()  # roles that may be named over a cell
    over: Verb | None = None  # what it is over a cell, when that is another thing than on a line
    runs: int = 0  # how many runs may be named by their ids
    launches: bool = False  # whether a variable to be trained may stand first, and configuration as epochs=2
    alone: bool = False  # whether it takes data without a model: a variable or a path, and val=

    @property
    def roles(self) -> tuple[str, ...]:
        """What can be said with `role=variable`."""
        return (*ROLES, VAL) if self.alone else ROLES


def verbs() -> dict[str, Verb]:
    """Verb by name; a new instrument is one of them at once."""
    ladders = (nbdebug.checkup, nbdebug.levels)
    listed = [_SETUP, *(_measuring(ladder, f"nbdebug.{ladder.__name__}", type(ladder).__call__) for ladder in ladders)]
    rungs = [instrument.name for instrument in LADDER]
    order = sorted(INSTRUMENTS, key=lambda name: rungs.index(name) if name in rungs else len(rungs))
    for name in order:
        verb = _measuring(INSTRUMENTS[name], _written(name, INSTRUMENTS[name]), INSTRUMENTS[name].measure)
        listed.append(replace(verb, over=_armed()) if name == "find_nan" else verb)
    return {verb.name: verb for verb in [*listed, _watch(), _fit(), _WHY, _REPLAY, _launch(), _ATTACH, _RUNS, _COMPARE_RUNS, _EXPLAIN, _CODES]}


def verb_named(name: str) -> Verb:
    """The verb of this name or alias.

    Raises:
        UsageError: there is none.
    """
    known = verbs()
    found = known.get(name) or known.get(ALIASES.get(name, ""))
    if found is None:
        raise UsageError(f"%nbdebug has no verb {name!r}{_meant(name, known)}")
    return found


def _meant(name: str, known: dict[str, Verb]) -> str:
    """The verb that is near, under the name that the help teaches; or the function that is no verb; or all verbs."""
    names = [taught(verb) for verb in known]
    functions = [word for word in nbdebug.__all__ if word.islower() and word not in known]
    if name not in functions and difflib.get_close_matches(name, names, 1, 0.6):
        return did_you_mean(name, names)
    function = next((word for word in functions if len(name) > 3 and word.startswith(name)), None)
    return f": nbdebug.{function} is a function, to be called in Python" if function is not None else did_you_mean(name, names)


def taught(name: str) -> str:
    """The name that the help teaches: data for data_audit."""
    return next((alias for alias, whole in ALIASES.items() if whole == name and whole.startswith(alias)), name)


def with_two_signs(verb: Verb) -> Verb:
    """The same verb with two %."""
    return verb.over or verb


def overview() -> str:
    """All verbs, one line each."""
    known = verbs()
    width = max(map(len, known))
    faces = [(name, face) for name, verb in known.items() for face in (verb, verb.over) if face is not None]
    lines = [f"{_magic(face):9} {taught(name):{width}}  {face.about}" for name, face in faces]
    return "\n".join([*lines, "", "%nbdebug VERB? shows the options of a verb."])


def help_of(verb: Verb) -> str:
    """What `%nbdebug VERB?` shows."""
    named = "".join(f" [{role}=variable]" for role in verb.named)
    takes = " [DATA]" * verb.alone + " FILE" * verb.file + " [TRAINS]" * verb.launches + (" [RUN]" if verb.runs == 1 else " RUN" * verb.runs) + {"roles": " [role=variable …]", "code": " CODE", "history": " [HISTORY]", "cell": named}.get(verb.takes, "")
    lines = [f"{_magic(verb)} {verb.name}{takes}{''.join(f' [{option.usage()}]' for option in verb.options)}{' [epochs=2 …]' * verb.launches}", "", verb.doc]
    if verb.options:
        lines += ["", *(_option_help(option) for option in verb.options)]
    if verb.takes == "roles":
        lines += ["", f"roles: {', '.join(ROLES)}; model=net takes the variable net, val_loader=None takes none"]
    if verb.alone:
        lines += ["", f'DATA is a loader, a dataset, a frame, an array or "a/path", when there is no model: %nbdebug {taught(verb.name)} df {VAL}=val_df']
    if verb.takes == "cell":
        said = ["path"] * verb.file + [f"{option.name}={option.default!r}" for option in verb.options]
        lines += ["", f"in Python: with {verb.call}({', '.join(said)}) as {verb.call.rpartition('.')[2]}: …"]
    elif verb.call:
        lines += ["", f"in Python: {verb.call}({'history' if verb.takes == 'history' else 'setup'}{''.join(f', {o.name}={o.default!r}' for o in verb.options)})"]
    if verb.over is not None:
        lines += ["", help_of(verb.over)]
    aliases = [alias for alias, name in ALIASES.items() if name == verb.name and verb.takes != "cell"]
    return "\n".join(lines + ([f"also called: {', '.join(aliases)}"] if aliases else []))


def _option_help(option: Option) -> str:
    default = "" if option.default in (None, inspect.Parameter.empty) else f" (default {option.default})"
    return textwrap.indent(textwrap.fill(f"{option.usage()}  {option.help}{default}", 100, subsequent_indent="    "), "  ")


def _magic(verb: Verb) -> str:
    return "%%nbdebug" if verb.takes == "cell" else "%nbdebug"


def _watch() -> Verb:
    """The one verb that stands over a cell; `each_step` is a function, and has no place on a line."""
    options = tuple(option for option in options_of(nbdebug.watch) if option.name != "each_step")
    about = "Over a cell that trains: watches its loop, and names the mistakes in it."
    doc = (
        "Watches the loop that runs in the cell below it, live, and shows a report at the end; nothing in the cell changes.\n"
        "A later watched cell that goes on with the same models goes on with the history.\n\n"
        "%nbdebug watch, with one %, shows the last report again, and gives the watch: after watch = %nbdebug watch there are\n"
        "watch.history(), watch.figure(\"a layer\"), watch.widget()."
    )
    return Verb("watch", about, doc, options, takes="cell", call="nbdebug.watch", named=("model",))


def _fit() -> Verb:
    """What the curves of a training say; the training itself is not needed."""
    about, _, rest = inspect.cleandoc(nbdebug.fit.__doc__ or "").partition("\n\n")
    doc = (
        f"{about}\n\n{rest.partition('Args:')[0].strip()}\n\n"
        'HISTORY is a variable (a watch, a DataFrame, a dict of lists, a log_history) or the "path" of a .csv, .json or .jsonl file or of\n'
        "TensorBoard's event files; without one it is what %%nbdebug watch saw last."
    )
    return Verb("fit", about, doc, options_of(nbdebug.fit), takes="history", call="nbdebug.fit")


def _launch() -> Verb:
    """The full run, from the variables that there are."""
    options = tuple(replace(option, help=_RESUME) if option.name == "resume" else option for option in options_of(nbdebug.launch))
    doc = (
        "Trains in fresh processes, with the model, the data and the functions of this notebook as they are, also those defined in cells. The kernel stays\n"
        "free; what is shown is live, with buttons. --wait blocks until the end; an interrupt then stops the run first.\n\n"
        "TRAINS is a variable: a TrainingSetup, a function that makes one, or a loop of your own, train(ctx). Without one the training is found\n"
        "among the variables, as %nbdebug setup shows it. Everything of the configuration can be said here: epochs=2 lr=3e-4 optimizer.type=adamw;\n"
        "--config is the path of a YAML file, or a variable."
    )
    return Verb("launch", "Trains in processes of its own: live, in the background, with checkpoints.", doc, options, call="nbdebug.launch", launches=True)


def _armed() -> Verb:
    """What `find_nan` is over a cell."""
    about = "Over a cell that trains: stops before the first NaN, and names the line it was born in."
    doc = (
        "Arms the loop that runs in the cell below it, at next to no cost: at the first loss, gradient or weight that is not finite\n"
        "the step is repeated operator by operator, and the cell is stopped before the weights are spoiled."
    )
    return Verb("find_nan", about, doc, options_of(nbdebug.armed), takes="cell", call="nbdebug.armed")


def _measuring(target: Any, call: str, function: Callable[..., Any]) -> Verb:
    options = options_of(function)
    if not any(option.name == "budget" for option in options):
        options += (BUDGET,)
    about, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
    body = rest.partition("Args:")[0].partition("Raises:")[0].strip()
    about = " ".join(about.split())
    alone = VAL in inspect.signature(target.follow).parameters
    return Verb(target.__name__, about, f"{about}\n\n{body}".strip(), options, target=target, call=call, alone=alone)


def _written(name: str, instrument: Any) -> str:
    """How this instrument is reached in Python."""
    for home in (nbdebug, nbdebug.instruments):
        if getattr(home, name, None) is instrument:
            return f"{home.__name__}.{name}"
    return f"nbdebug.instruments.base.INSTRUMENTS[{name!r}]"


_SETUP = Verb(
    "setup",
    "Finds model, loss, optimizer and loaders among your variables, and says what it took.",
    "Finds model, loss_fn, optimizer, scheduler, scaler and loaders among the notebook's variables, says what it took and\n"
    "why, and prints the Python call. What you say here (model=net) holds for the verbs after it, until the next setup;\n"
    "what you do not say is looked for anew each time. A variable that is a TrainingSetup wins.",
    (PRECISION,),
)
_WHY = Verb(
    "why",
    "Explains the last exception: what met there, the line, and a mend that was tried.",
    "Explains the last exception of any cell: the operator, the module, your line, the shapes, dtypes and devices that met there,\n"
    "the way to it, and the likely mend, tried on copies. After an error of memory the traceback lets go of its tensors.\n\n"
    "in Python: nbdebug.why(), or nbdebug.why(error) with an exception that you caught.",
    takes="",
)
_REPLAYING = Verb(
    "replay",
    "Over a cell that trains: its first step is the failed one from a file, and the last.",
    "For a loop whose loss is its own. The first batch that a DataLoader gives to the loop in the cell below is that of the file, and\n"
    "the state is put in at that moment; when the cell is over your training is as it was. No code is read from the file.",
    takes="cell",
    file=True,
    call="nbdebug.replaying",
)
_REPLAY = Verb(
    "replay",
    "Runs a failed step from its file again, bit for bit, and finds where its first NaN is born.",
    "Takes the file that find_nan wrote, such as step-1234.nbd, in a kernel where the same code has made the model. Your training is\n"
    "borrowed for it and given back; no code is read from the file.\n\n"
    "in Python: nbdebug.replay(\"step-1234.nbd\"), with batch_loss=… for a step that is not loss_fn(model(inputs), targets).",
    file=True,
    over=_REPLAYING,
)
_RESUME = "last, the id of a run, its folder, or a checkpoint, to go on from"
_RUNS_DIR = Option("runs_dir", str, None, "where runs are kept; default: nbdebug_runs, or $NBDEBUG_RUNS")
_ATTACH = Verb(
    "attach",
    "Shows a run again, whoever launched it: live when it still goes on.",
    "RUN is the id of a run or the beginning of one, or its folder; without it the last one. After a restart of the kernel, or in another notebook.\n\n"
    "in Python: run = nbdebug.attach(\"last\")",
    (_RUNS_DIR,),
    takes="",
    runs=1,
)
_RUNS = Verb(
    "runs",
    "Lists the runs there are, the newest first.",
    "Lists the runs there are, the newest first, also those whose kernel is gone.\n\nin Python: nbdebug.runs(), a DataFrame.",
    (_RUNS_DIR,),
    takes="",
)
_COMPARE_RUNS = Verb(
    "compare_runs",
    "Says what changed from one run to another: code, configuration, data, environment.",
    "Takes the ids of two runs or the beginnings of them, the good one first; says what changed, and lays their curves over each other.\n\n"
    "in Python: nbdebug.compare_runs(\"…\", \"…\")",
    takes="",
    runs=2,
)
_EXPLAIN = Verb("explain", "Shows the page of a code, such as %nbdebug explain ND401.", "Shows the page of a code.", takes="code")
_CODES = Verb("codes", "Lists every code that can be found.", "Lists every code that can be found.", takes="")
