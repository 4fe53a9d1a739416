"""Tab completion of a `%nbdebug` line: verbs, options, choices, codes, roles and the variables that fit a role."""

from __future__ import annotations

import glob
import re
import sys
from collections.abc import Iterable
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from nbdebug.catalogue import checks_by_code
from nbdebug.nonfinite.kept.capsule_file import SUFFIX
from nbdebug.notebook.candidates import candidates, variables_that
from nbdebug.notebook.data_search import is_data
from nbdebug.notebook.launched import config_names, run_ids
from nbdebug.notebook.options import Option
from nbdebug.notebook.over_cell import CELL_VERBS
from nbdebug.notebook.verbs import ALIASES, VAL, Verb, verbs, with_two_signs

LINE = re.compile(r"\s*(?:[\w., ]+=\s*)?(?P<magic>%{1,2}nbdebug)\s+(?P<rest>.*)")  # also report = %nbdebug …


@context_matcher(identifier="nbdebug")
def complete(context: CompletionContext) -> SimpleMatcherResult:
    """What can stand at the cursor of a `%nbdebug` line; nothing elsewhere."""
    typed = LINE.fullmatch(context.full_text.split("\n")[context.cursor_line][: context.cursor_position])
    if not typed:
        return {"completions": []}
    *before, word = typed["rest"].split(" ")
    offered = _offers([w for w in before if w], word, over_a_cell=typed["magic"] == "%%nbdebug")
    kept = len(word) - len(context.token) if word.endswith(context.token) else 0  # IPython replaces only its token
    return {
        "completions": [SimpleCompletion(text[kept:], type=kind) for text, kind in offered if text.startswith(word)],
        "suppress": True,  # Python names such as `range` have no place here
    }


def _offers(before: list[str], word: str, *, over_a_cell: bool) -> list[tuple[str, str]]:
    """Texts that may stand for `word`, each with what it is."""
    if not before:
        return [(name, "verb") for name in (CELL_VERBS if over_a_cell else [*verbs(), *_aliases()])]
    known = verbs()
    verb = known.get(ALIASES.get(before[0], before[0]))
    if verb is None:
        return []
    verb = with_two_signs(verb) if over_a_cell else verb
    if verb.takes == "code":
        return [(code, "code") for code in checks_by_code()] if len(before) == 1 else []
    waiting = _option(verb, before[-1])
    if waiting is not None and waiting.choices:
        return [(str(choice), "value") for choice in waiting.choices]
    role, equals, _ = word.partition("=")
    if equals and role in verb.roles:
        return [(f"{role}={name}", "variable") for name in (_data() if role == VAL else _variables(role))]
    if verb.file and len(before) == 1:
        return [(name, "file") for name in sorted(glob.glob(f"{glob.escape(word)}*{SUFFIX}"))]
    if verb.runs:
        return [*_flags(verb), *([(name, "run") for name in run_ids()] if sum(not w.startswith("--") for w in before[1:]) < verb.runs else [])]
    if verb.takes == "cell":
        return [*_roles(verb.named, before), *_flags(verb)] if over_a_cell else []
    data = [(name, "variable") for name in _data()] if (verb.alone or verb.takes == "history") and len(before) == 1 else []
    configured = [(f"{name}=", "configuration") for name in config_names()] if verb.launches else []
    return [*_roles(verb.roles if verb.takes == "roles" else (), before), *_flags(verb), *data, *configured]


def _aliases() -> list[str]:
    return [alias for alias, name in ALIASES.items() if name in verbs()]


def _option(verb: Verb, flag: str) -> Option | None:
    return next((option for option in verb.options if option.flag == flag), None)


def _flags(verb: Verb) -> list[tuple[str, str]]:
    flags = [(option.flag, "option") for option in verb.options]
    return flags + [(option.negation, "option") for option in verb.options if option.kind is bool]


def _roles(roles: Iterable[str], before: list[str]) -> list[tuple[str, str]]:
    said = {word.partition("=")[0] for word in before}
    return [(f"{role}=", "role") for role in roles if role not in said]


def _variables(role: str) -> list[str]:
    return [name for variable in candidates(_namespace(), role) for name in variable.names]


def _data() -> list[str]:
    """The variables that could be data without a model."""
    return [name for variable in variables_that(_namespace(), is_data) for name in variable.names]


def _namespace() -> dict[str, Any]:
    shell: Any = sys.modules["IPython"].get_ipython()
    return shell.user_ns
