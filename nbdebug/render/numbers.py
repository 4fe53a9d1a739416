"""How a value is written, the same in every renderer; and how a name is made safe and short."""

from __future__ import annotations

import math
import re
import unicodedata

_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e5  # outside, a number is easier read with an exponent
_LARGEST_COUNT = 10**9  # a count up to here is written out, 1,234,567
LIGHTS = {"sound": "✓", "error": "✗", "warning": "!", "info": "i", "not checked": "–"}  # of a checklist: never by colour alone
LONG = 0.05  # seconds; what takes less would read "0.0 s"


def number(value: float | int | str | bool | None) -> str:
    """Three significant digits: `0.123`, `1.2e-05`, `1,234`; `nan`, `inf`, `yes`, `no`; `–` for None."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < _LARGEST_COUNT else _exponent(value)
    return _short(value)


def _short(value: float) -> str:
    if not math.isfinite(value):
        return str(float(value))
    size = abs(value)
    if size == 0:
        return "0"
    if 1000 <= size < _PLAIN_TO:
        return f"{value:,.0f}"
    if _PLAIN_FROM <= size < 1000:
        return f"{value:.3g}" if size < 999.5 else f"{value:,.0f}"
    return _exponent(value)


def _exponent(value: float | int) -> str:
    if isinstance(value, int) and abs(value) >= 10**300:  # larger than any float
        digits = str(abs(value))
        return f"{'-' if value < 0 else ''}{digits[0]}.{digits[1:3]}e+{len(digits) - 1}"
    return f"{value:.3g}"


def is_number(value: object) -> bool:
    """Whether a column of such values is set flush right."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def clean(text: str) -> str:
    """Text without control characters and lone surrogates: names come from the user's data."""
    text = str(text).encode("utf-8", "replace").decode()
    return "".join(c if c in "\n\t" or unicodedata.category(c) != "Cc" else "�" for c in text)


def one_line(text: str) -> str:
    """The text with every run of white space made one blank."""
    return " ".join(clean(text).split())


_PATH = re.compile(r"(?!aten\.)[\w.]+")  # of a module or a parameter; in the name of an operator the last word tells least


def shortened(name: str, most: int) -> str:
    """A name of at most `most` characters that still tells it apart from its neighbours.

    A dotted path loses the words of its parents first, `e.l.10.self_attn.out_proj.weight`, and keeps their numbers;
    anything else, such as a line of code or `aten.threshold_backward.default`, is cut in the middle.
    """
    name = one_line(name)
    parents, dot, own = name.rpartition(".")
    if dot and _PATH.fullmatch(name):
        parts = parents.split(".")
        for i, part in enumerate(parts):
            if len(".".join([*parts, own])) <= most:
                break
            parts[i] = part if part.isdigit() else part[:1]
        name = ".".join([*parts, own])
    if len(name) <= most:
        return name
    tail = (most - 1) * 3 // 5
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"


def sentence(text: str) -> str:
    """The text begun with a capital, unless it begins with a name, and ended with a full stop."""
    text = clean(text).strip()
    if not text:
        return text
    first = text.split()[0].rstrip(",:;")
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if text[-1] in ".?!:…" else text + "."


def plural(count: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
