"""The words of a magic's line: roles (`model=net`), options (`--budget "20 s"`) and the rest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from IPython.core.error import UsageError

from nbdebug.notebook.namespace import ROLES
from nbdebug.notebook.options import SHORT, Option

_WORD = re.compile(r"""(?:[^\s"'(]|"[^"]*"|'[^']*'|\([^)]*\))+""")
ROLE_WORD = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@dataclass
class Line:
    """What a line says."""

    roles: dict[str, str] = field(default_factory=dict)  # role → the variable's name
    options: dict[str, Any] = field(default_factory=dict)  # keyword → value; only those that were given
    rest: list[str] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)  # those of the rest that stood in quotes
    wants_help: bool = False


def words_of(line: str) -> list[str]:
    """The line cut at its blanks, quotes and brackets respected: `loaders['train']` stays as it is.

    Raises:
        UsageError: a quote or a bracket is not closed.
    """
    words = _WORD.findall(line)
    if re.sub(r"\s", "", "".join(words)) != re.sub(r"\s", "", line):
        raise UsageError(f"a quote or a bracket is not closed in: {line.strip()}")
    return words


def read_line(words: Iterable[str], options: Iterable[Option], roles: Iterable[str] = ROLES) -> Line:
    """Sorts the words of a line.

    Args:
        roles: that the verb knows.

    Raises:
        UsageError: a role or an option is unknown, or its value is wrong.
    """
    known = {flag: option for option in options for flag in _flags(option)}
    said, waiting = Line(), list(words)
    while waiting:
        word = waiting.pop(0)
        if word in ("--help", "-h", "?"):
            said.wants_help = True
        elif word.startswith("--") or word in known:
            _refuse_role(word, waiting, known, tuple(roles))
            _read_option(word, waiting, known, said)
        elif (matched := ROLE_WORD.fullmatch(word)) and _as_flag(matched[1]) in known:  # budget=20, as in Python
            _read_option(f"{_as_flag(matched[1])}={matched[2]}", waiting, known, said)
        elif matched:
            _read_role(matched[1], matched[2], said, tuple(roles))
        else:
            said.rest.append(unquoted(word))
            said.quoted += [unquoted(word)] * (unquoted(word) != word)
    return said


def unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`: did you mean --budget?`, or what there is to choose from."""
    known = list(known)
    near = difflib.get_close_matches(word, known, 1, 0.6)
    return f": did you mean {near[0]}?" if near else f": there is {', '.join(known)}"


def _flags(option: Option) -> tuple[str, ...]:
    short = (SHORT[option.name],) if option.name in SHORT else ()
    return (option.flag, option.negation) if option.kind is bool else (option.flag, *short)


def _as_flag(keyword: str) -> str:
    return "--" + keyword.replace("_", "-")


def _refuse_role(word: str, waiting: list[str], known: dict[str, Option], roles: tuple[str, ...]) -> None:
    """`--val v` is written val=v."""
    flag, _, value = word.partition("=")
    role = flag.removeprefix("--").replace("-", "_")
    if role in roles and flag not in known:
        raise UsageError(f"there is no option {flag}: write {role}={value or next(iter(waiting), 'variable')}")


def _read_option(word: str, waiting: list[str], known: dict[str, Option], said: Line) -> None:
    flag, equals, value = word.partition("=")
    flag = flag.replace("_", "-")
    if flag not in known:
        raise UsageError(f"there is no option {flag}{did_you_mean(flag, known) if known else ''}")
    option = known[flag]
    if option.kind is bool:
        if equals:
            raise UsageError(f"{flag} takes no value: write {option.usage()}")
        said.options[option.name] = flag == option.flag
        return
    values = [unquoted(value)] if equals else []
    while waiting and not equals and len(values) != option.count and not _starts_anew(waiting[0]):
        values.append(unquoted(waiting.pop(0)))
    said.options[option.name] = option.read(values)


def _starts_anew(word: str) -> bool:
    return word.startswith("--") or bool(ROLE_WORD.fullmatch(word))


def _read_role(role: str, variable: str, said: Line, roles: tuple[str, ...]) -> None:
    if role not in roles:
        raise UsageError(f"{role}= is no part of a setup{did_you_mean(role, roles)}")
    if not variable:
        raise UsageError(f"{role}= wants the name of a variable right after it, without a blank")
    said.roles[role] = variable
