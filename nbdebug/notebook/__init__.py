"""The notebook face of nbdebug: `load` puts the magic `%nbdebug` and its completion into a shell, `unload` takes them off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from nbdebug.notebook.completion import complete
from nbdebug.notebook.magics import NbdebugMagics
from nbdebug.notebook.over_cell import rewrite_first_line

_ASKING = re.compile(r"^(\s*%nbdebug[ \t]+[\w-]+)[ \t]*\?{1,2}[ \t]*(\n?)$")


@dataclass(frozen=True)
class _Loaded:
    shell: Any
    magics: NbdebugMagics


_loaded: list[_Loaded] = []  # at most one


def load(shell: Any) -> None:
    """What `%load_ext nbdebug` does; a second time replaces the first."""
    unload(shell)
    magics = NbdebugMagics(shell)
    shell.register_magics(magics)
    shell.input_transformers_cleanup.append(rewrite)
    shell.Completer.custom_matchers.append(complete)
    _loaded.append(_Loaded(shell, magics))


def unload(shell: Any) -> None:
    """Takes off all that `load` put on."""
    for loaded in [entry for entry in _loaded if entry.shell is shell]:
        _loaded.remove(loaded)
        loaded.magics.shown.close()
        loaded.magics.over_cell.close()
        manager = shell.magics_manager  # IPython has no call for this
        manager.registry.pop(NbdebugMagics.__name__, None)
        for kind in ("line", "cell"):
            manager.magics[kind].pop("nbdebug", None)
        _remove(shell.input_transformers_cleanup, rewrite)
        _remove(shell.Completer.custom_matchers, complete)


def rewrite(lines: list[str]) -> list[str]:
    """A cell as IPython shall read it."""
    return rewrite_first_line(ask_for_help(lines))


def ask_for_help(lines: list[str]) -> list[str]:
    """`%nbdebug checkup?` as `%nbdebug checkup --help`; IPython would look for a variable named checkup."""
    if lines and lines[0].startswith("%%"):
        return lines
    return [_ASKING.sub(r"\1 --help\2", line) for line in lines]


def _remove(functions: list[Any], function: Any) -> None:
    if function in functions:
        functions.remove(function)
