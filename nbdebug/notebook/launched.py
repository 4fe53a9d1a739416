"""What the verbs of a full run add to a line: configuration as `epochs=2`, the ids of runs, and a run that shows itself."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbdebug
from nbdebug.notebook.line import unquoted

if TYPE_CHECKING:
    from nbdebug.notebook.verbs import Verb
    from nbdebug.training import Run

CONFIGURED = re.compile(r"([A-Za-z_][\w.]*)=(.+)", re.DOTALL)
STOPPED = "KeyboardInterrupt: the run was stopped first; run = nbdebug.attach() has what it came to, nbdebug.launch(resume=run) goes on from its checkpoint."


def overrides_of(words: Iterable[str], verb: Verb) -> tuple[list[str], dict[str, Any]]:
    """The words without those that configure, and what these say: place in the configuration → value."""
    kept, said = [], {}
    own = {*verb.roles, *(option.name for option in verb.options)}
    for word in words:
        matched = CONFIGURED.fullmatch(word)
        if matched is None or matched[1] in own:
            kept.append(word)
        else:
            said[matched[1]] = _value(matched[2])
    return kept, said


def configured(options: Mapping[str, Any], namespace: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What `launch` gets, with a variable in the place of its name, and how it is written."""
    values, written = dict(options), []
    for name, value in options.items():
        variable = name == "config" and isinstance(value, str) and value in namespace and not Path(value).exists()
        values[name] = namespace[value] if variable else value
        text = value if variable else repr(value)
        written.append(f"{name}={text}" if name.isidentifier() else f"**{{{name!r}: {text}}}")
    return values, written


def launched(trains: Iterable[Any], options: Mapping[str, Any]) -> Run:
    """A run that has begun, in sight."""
    try:
        run = nbdebug.launch(*trains, **options)
    except KeyboardInterrupt as interrupt:
        interrupt._render_traceback_ = lambda: [STOPPED]  # type: ignore[attr-defined]  # asked by IPython: where it stood is of no interest
        raise
    return _in_sight(run)


def attached(*args: Any, **options: Any) -> Run:
    """A run found again, in sight."""
    return _in_sight(nbdebug.attach(*args, **options))


def run_ids() -> list[str]:
    """The runs there are, the newest first."""
    from nbdebug.training.folder import runs_root

    return sorted((path.parent.name for path in runs_root().glob("*/run.json")), reverse=True)


def config_names() -> list[str]:
    """What one most likely wants to say of the configuration, by its short name."""
    from nbdebug.training.config.run_config import RunConfig

    sections = [RunConfig.model_fields[name].annotation for name in ("training", "data")]
    names = [field for section in sections for field in getattr(section, "model_fields", {})]
    return [*(name for name in names if name != "precision"), "lr", "seed", "compile"]


def _in_sight(run: Run) -> Run:
    """Shown by the magic, so that `run = %nbdebug launch` shows it too; outside of a notebook IPython prints what it is given."""
    with contextlib.suppress(NotImplementedError):
        run._ipython_display_()
    return run


def _value(text: str) -> Any:
    """A number, a list, a word: as Python, or else as it stands."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return unquoted(text)
