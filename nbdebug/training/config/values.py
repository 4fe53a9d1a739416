"""What a value of the configuration may be, each said in one sentence when it is not.

YAML reads `1e-4` as text, a call gives NumPy's numbers, and `true` is a whole number to Python: all that is sorted out here.
"""

from __future__ import annotations

import difflib
import math
import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

Reader = Callable[[Any], Any]


class Wrong(ValueError):
    """A value that does not fit to another of its section; `field` says which of them is to be shown."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def whole(least: int | None = None, most: int | None = None) -> Reader:
    """Reads a whole number; "1e5" and 100.0 are whole."""
    expected = f"a whole number{_limits(least=least, most=most)}"

    def read(value: Any) -> Any:
        found = _number(value)
        if found is None or not math.isfinite(found) or found != int(found) or _outside(found, least=least, most=most):
            raise ValueError(f"must be {expected}, got {shown(value)}")
        return int(found) if not isinstance(value, numbers.Integral) else int(value)  # a float has not room for every whole number

    return read


def number(least: float | None = None, most: float | None = None, above: float | None = None, below: float | None = None) -> Reader:
    """Reads a finite number within limits."""
    limits = {"least": least, "most": most, "above": above, "below": below}

    def read(value: Any) -> Any:
        found = _number(value)
        if found is None or not math.isfinite(found) or _outside(found, **limits):
            raise ValueError(f"must be a number{_limits(**limits)}, got {shown(value)}")
        return float(found)

    return read


def flag(value: Any) -> Any:
    """Reads true or false, also as the words and digits that stand for them."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        return word in ("true", "yes", "on", "1")
    raise ValueError(f"must be true or false, got {shown(value)}")


def text(value: Any) -> Any:
    """Reads a word or path."""
    if isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"must be a text, got {shown(value)}")


def every(value: Any) -> Any:
    """Reads how often: a whole number; 0 and false are never, which is None."""
    if value is None or value is False:
        return None
    return whole(0)(value) or None


def one_of(*choices: str, also: Mapping[str, str] | None = None) -> Reader:
    """Reads one of some words, however it is capitalised or hyphenated; `also` has other words for them."""
    known = {plain(word): choice for word, choice in {**(also or {}), **{c: c for c in choices}}.items()}

    def read(value: Any) -> Any:
        found = known.get(plain(str(value)))
        if found is None:
            raise ValueError(f"must be one of {', '.join(choices)}, got {shown(value)}{did_you_mean(str(value), known)}")
        return found

    return read


def plain_values(value: Any) -> Any:
    """Reads a tree of what YAML can hold, so that it comes back from a file as it was."""
    if isinstance(value, Mapping):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) and not math.isnan(value):
        return float(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise ValueError(f"holds {shown(value)}: only numbers, texts, true and false, lists and mappings can be kept in a configuration")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean "epochs"?)`, or nothing when nothing is near."""
    names = {plain(name): name for name in known}
    near = difflib.get_close_matches(plain(word), names, n=1, cutoff=0.65)
    return f' (did you mean "{names[near[0]]}"?)' if near else ""


def plain(word: str) -> str:
    """A word without what people write differently: capitals, hyphens, underscores, spaces."""
    return "".join(c for c in word.lower() if c.isalnum())


def shown(value: Any) -> str:
    """A value as it is said in a message, with its kind where the value alone does not tell."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if isinstance(value, (str, numbers.Real)):
        seen = f'"{value}"' if isinstance(value, str) else str(value)
        return seen if len(seen) <= 80 else seen[:80] + "…"
    if isinstance(value, Mapping):
        return f"a mapping ({', '.join(map(str, list(value)[:4]))})" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    return f"a {type(value).__name__}"


def _number(value: Any) -> float | int | None:
    """The number that is meant, whether written as one or as text; None when it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, (numbers.Real, str)):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def _outside(value: float, least: float | None = None, most: float | None = None, above: float | None = None, below: float | None = None) -> bool:
    return (
        (least is not None and value < least)
        or (most is not None and value > most)
        or (above is not None and value <= above)
        or (below is not None and value >= below)
    )  # fmt: skip


def _limits(least: float | None = None, most: float | None = None, above: float | None = None, below: float | None = None) -> str:
    low = f"from {least:g}" if least is not None else f"above {above:g}" if above is not None else ""
    high = f"{'to' if least is not None else 'at most'} {most}" if most is not None else f"below {below:g}" if below is not None else ""
    if low and not high:
        return f" {low}" + (" on" if least is not None else "")
    return " " + (" " if least is not None and most is not None else " and ").join(filter(None, (low, high))) if low or high else ""


Flag = Annotated[bool, BeforeValidator(flag)]
Text = Annotated[str, BeforeValidator(text)]
Count = Annotated[int, BeforeValidator(whole(1))]
CountOrNone = Annotated[int, BeforeValidator(whole(0))]  # none at all is a count too
Every = Annotated[int | None, BeforeValidator(every)]  # None: never
Positive = Annotated[float, BeforeValidator(number(above=0))]
NotNegative = Annotated[float, BeforeValidator(number(least=0))]
Fraction = Annotated[float, BeforeValidator(number(least=0, most=1))]
Plain = Annotated[dict[str, Any], BeforeValidator(plain_values)]
