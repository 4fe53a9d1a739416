"""Tables in HTML: numbers flush right, dotted paths in a fixed font, everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape as _escape

from nbdebug.render.numbers import clean, is_number, number, one_line

_NUMBERS, _SHORT, _PATHS, _LONG_PATHS = ' class="n"', ' class="w"', ' class="m"', ' class="m p"'
_SHORT_WORD = 20  # characters


def escape(text: object) -> str:
    """Text for HTML, in content and in double-quoted attributes alike."""
    return _escape(clean(str(text)), quote=True)


def evidence_table(evidence: dict[str, float | int | str | bool | None]) -> str:
    """Names and plain values, one a row."""
    rows = "".join(
        f'<tr><th>{escape(one_line(name))}</th><td class="n">{escape(number(value))}</td></tr>'
        for name, value in evidence.items()
    )
    return f"<table><tbody>{rows}</tbody></table>"


def table_html(columns: Sequence[str], rows: Sequence[Sequence[object]], *, keys: Sequence[str] = ()) -> str:
    """Rows of plain values under their column names; `keys` are marks to stand before the first cells, as HTML."""
    kinds = [_kind([row[i] for row in rows]) for i in range(len(columns))]
    head = "".join(
        f"<th{kind}>{escape(one_line(name))}</th>" for name, kind in zip(columns, kinds, strict=True)
    )
    marks = keys or [""] * len(rows)
    lines = "".join(_row(row, kinds, mark) for row, mark in zip(rows, marks, strict=True))
    headed = f"<thead><tr>{head}</tr></thead>" if any(columns) else ""
    return f'<div class="nbd-scroll"><table>{headed}<tbody>{lines}</tbody></table></div>\n'


def _row(row: Sequence[object], kinds: Sequence[str], mark: str) -> str:
    cells = [f"<td{kind}>{_cell(number(value), kind)}</td>" for value, kind in zip(row, kinds, strict=True)]
    cells[0] = cells[0].replace(">", f">{mark}", 1)
    return f"<tr>{''.join(cells)}</tr>\n"


def _cell(text: str, kind: str) -> str:
    return (
        escape(text).replace(".", ".<wbr>") if kind == _LONG_PATHS else escape(text)
    )  # it may wrap at its dots


def _kind(column: Sequence[object]) -> str:
    """The class of a column: numbers flush right, dotted paths in a fixed font, short words in one line."""
    if any(is_number(value) for value in column):
        return _NUMBERS
    words = [value for value in column if isinstance(value, str)]
    if any("." in word for word in words) and not any(" " in word for word in words):
        return _LONG_PATHS if max(map(len, words)) > _SHORT_WORD else _PATHS
    return _SHORT if all(len(word) <= _SHORT_WORD for word in words) else ""


def full_name(name: str, most: int) -> str:
    """The whole name under the pointer, where it is shown shortened."""
    return f' title="{escape(one_line(name))}"' if len(one_line(name)) > most else ""
