"""The keyword options of a measuring function, read from its signature and docstring: `batches: int = 50` is `--batches 50`."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError

SHORT = {"samples": "-n", "num_processes": "-n"}  # keyword → the letter that the field writes for it


@dataclass(frozen=True)
class Option:
    """One keyword of a function, as it stands on the line."""

    name: str  # the keyword
    kind: type  # of one value: int, float, str or bool
    default: Any
    help: str = ""
    choices: tuple[Any, ...] = ()
    count: int | None = 1  # how many values; None: any number
    optional: bool = False  # whether the word "none" means None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    def usage(self) -> str:
        """`--batches INT`, `--norm l1|l2`, `--shuffle | --no-shuffle`."""
        if self.kind is bool:
            return f"{self.flag} | {self.negation}"
        value = "|".join(map(str, self.choices)) or _METAVAR[self.kind]
        flags = ", ".join(filter(None, [SHORT.get(self.name), self.flag]))
        return f"{flags} {value if self.count == 1 else f'{value} …'}"

    @property
    def negation(self) -> str:
        return "--no-" + self.flag[2:]

    def read(self, words: list[str]) -> Any:
        """The value that these words stand for.

        Raises:
            UsageError: they are too few, too many or of the wrong kind.
        """
        if self.count is not None and len(words) != self.count:
            raise UsageError(f"{self.flag} takes {self.count} value{'s' * (self.count > 1)}, got {' '.join(words) or 'none'}")
        if self.optional and words and words[0].lower() == "none":
            return None
        values = tuple(self._one(word) for word in words)
        return values[0] if self.count == 1 else values

    def _one(self, word: str) -> Any:
        try:
            value = self.kind(word)
        except ValueError:
            raise UsageError(f"{self.flag} takes {_ARTICLE[self.kind]}, got {word!r}") from None
        if self.choices and value not in self.choices:
            raise UsageError(f"{self.flag} is one of {', '.join(map(str, self.choices))}, got {word!r}")
        return value


_METAVAR = {int: "INT", float: "FLOAT", str: "TEXT", bool: ""}
_ARTICLE = {int: "a whole number", float: "a number", str: "a word", bool: "no value"}


def as_typed(said: str, options: Iterable[Option]) -> str:
    """A sentence about keywords, as one types them on a line: `training="a"` is `--training a`."""
    for option in options:
        said = re.sub(rf'\b{option.name}=("[^"]*")', lambda found, flag=option.flag: f"{flag} {_unquoted(found[1])}", said)
    return said


def _unquoted(text: str) -> str:
    """Without its quotes, where it is one word without them."""
    return text if re.search(r"\s", text) or text == '""' else text[1:-1]


def options_of(function: Callable[..., Any]) -> tuple[Option, ...]:
    """The keyword-only parameters of a function, in its order."""
    hints, told = _hints(function), described_arguments(function)
    keywords = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return tuple(_option(p.name, hints.get(p.name), p.default, told.get(p.name, "")) for p in keywords)


def described_arguments(function: Callable[..., Any]) -> dict[str, str]:
    """Parameter → its text in the `Args:` section of the docstring."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", inspect.cleandoc(function.__doc__ or ""), re.MULTILINE)
    if not section:
        return {}
    entries = re.split(r"^(\w+):", inspect.cleandoc(section[1]), flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in zip(entries[1::2], entries[2::2], strict=True)}


def _option(name: str, hint: Any, default: Any, told: str) -> Option:
    kinds, optional = _alternatives(hint, default)
    origin, arguments = typing.get_origin(kinds[0]), typing.get_args(kinds[0])
    if origin is typing.Literal:
        return Option(name, type(arguments[0]), default, told, arguments, 1, optional)
    if origin in (tuple, list) or kinds[0] in (tuple, list):
        count = None if origin is not tuple or Ellipsis in arguments or not arguments else len(arguments)
        return Option(name, _plain(arguments[:1]), default, told, (), count, optional)
    return Option(name, _plain(kinds), default, told, (), 1, optional)


def _alternatives(hint: Any, default: Any) -> tuple[list[Any], bool]:
    """The types a parameter takes, without None; and whether it takes None."""
    if hint is None:
        return [type(default) if default is not inspect.Parameter.empty else str], default is None
    kinds = list(typing.get_args(hint)) if typing.get_origin(hint) in (typing.Union, types.UnionType) else [hint]
    kinds += [str] if isinstance(default, str) else []  # a budget of "20 s" that is seconds by the time it is measured with
    return [kind for kind in kinds if kind is not type(None)] or [str], type(None) in kinds


def _plain(kinds: typing.Sequence[Any]) -> type:
    """The kind of one word; where text is allowed any word is, such as "20 s" for `float | str`."""
    known = [kind for kind in kinds if kind in (bool, int, float, str)]
    return str if str in known or not known else float if float in known else known[0]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # a name that only the type checker knows; the default says enough
        return {}
