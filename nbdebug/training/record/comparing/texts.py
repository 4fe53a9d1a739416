"""Cells and files of two runs, each beside its like: cells have other numbers every time they are run."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from nbdebug.training.record.comparing.definitions import written_again
from nbdebug.training.record.comparing.result import EITHER, Change, Diff

ALIKE = 0.4  # share of a cell that another must have to be the same cell, changed; our choice: an edited cell keeps more, another keeps less
LONGEST = 20_000  # characters of one diff, and of a cell that is looked for
WORDS = re.compile(r"[\w.]+|[^\w\s]")


def text_changes(a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Change, Diff]]:
    """Every text that is another in b, or only in one of them."""
    for one, other in _pairs(list(a), list(b)):
        if one is None or other is None:
            again = written_again(one or other or {}, b if other is None else a)
            one, other = (one, other) if again is None else again if one is None else again[::-1]
        before, after = (one or {}).get("source", ""), (other or {}).get("source", "")
        if _code(before) == _code(after):
            continue
        name = str((other or one or {})["name"])
        diff = "\n".join(_unified(before, after, one, other))[:LONGEST]
        added, removed = _lines_of(diff, "+"), _lines_of(diff, "-")
        what = f"{_kind(name)} {name}" if one is None or other is None or one["name"] == name else f"{_kind(name)} {one['name']} → {name}"
        if one is None or other is None:
            side = "b" if one is None else "a"
            yield Change("code", what, "–" if one is None else f"{removed} lines", "–" if other is None else f"{added} lines", EITHER, 1.0, f"{what}, only in {side}"), Diff(name, diff)
            continue
        yield Change("code", what, f"{removed} lines", f"{added} lines", EITHER, 2.0, f"{what} ({_first(diff)})"), Diff(name, diff)


def _pairs(a: list[Mapping[str, Any]], b: list[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    """Files by their names, cells by what they say: the same text first, then the most alike."""
    for same in (_same_text, _same_code, _same_file):
        for one in list(a):
            other = next((other for other in b if same(one, other)), None)
            if other is not None:
                a.remove(one)
                b.remove(other)
                yield one, other
    ratios = sorted(((_ratio(one, other), n, m) for n, one in enumerate(a) for m, other in enumerate(b) if _is_cell(one) and _is_cell(other)), reverse=True)
    left, right = set(range(len(a))), set(range(len(b)))
    for ratio, n, m in ratios:
        if ratio >= ALIKE and n in left and m in right:
            left.remove(n)
            right.remove(m)
            yield a[n], b[m]
    yield from ((a[n], None) for n in sorted(left))
    yield from ((None, b[m]) for m in sorted(right))


def _same_text(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(one["source"] == other["source"])


def _same_code(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return _code(one["source"]) == _code(other["source"])


def _same_file(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return not _is_cell(one) and one["name"] == other["name"]


def _is_cell(text: Mapping[str, Any]) -> bool:
    return _kind(str(text["name"])) == "cell"


def _kind(name: str) -> str:
    return "cell" if name.startswith("In[") or "ipykernel_" in name or "ipython-input" in name else "file"


def _ratio(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """How much they share, word by word."""
    matcher = difflib.SequenceMatcher(None, *(WORDS.findall(text["source"][:LONGEST]) for text in (one, other)))
    return matcher.ratio() if matcher.quick_ratio() >= ALIKE else 0.0


@lru_cache(maxsize=512)
def _code(source: str) -> str:
    """Without comments and blanks, where it can be parsed."""
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError):
        return source


def _unified(before: str, after: str, one: Any, other: Any) -> Iterator[str]:
    names = (f"a: {(one or other)['name']}", f"b: {(other or one)['name']}")
    return difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="", n=2)


def _lines_of(diff: str, sign: str) -> int:
    return sum(line.startswith(sign) and not line.startswith(sign * 3) for line in diff.splitlines())


def _first(diff: str) -> str:
    """The first changed line that says something, for a sentence."""
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and not line.startswith(("+++", "---")) and line[1:].strip()]
    line = next((line for line in lines if line.startswith("+")), next(iter(lines), ""))
    text = " ".join(line[1:].split())
    return f"{line[:1]} {text[:80]}{'…' if len(text) > 80 else ''}"
