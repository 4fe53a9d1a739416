"""Samples in HTML and in words: a picture, a small curve, a text, a row of a table."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from itertools import islice

from nbdebug.page import Curve, Exhibit, Picture, Row, Trace, Words
from nbdebug.render import png, svg
from nbdebug.render.html_tables import escape, full_name
from nbdebug.render.numbers import number, one_line, shortened

_SMALLEST, _LARGEST = 72, 96  # px of a picture's longer side, as it is shown
_LONGEST_TEXT = 600  # characters of a text that are shown
_MOST_VALUES = 40  # of a row


def gallery_html(exhibits: Iterable[Exhibit]) -> str:
    """The exhibits side by side, those made of words one below the other."""
    return f'<div class="nbd-gallery">{"".join(map(exhibit_html, exhibits))}</div>'


@singledispatch
def exhibit_html(exhibit: Exhibit) -> str:
    """One exhibit with its label."""
    raise TypeError(f"no HTML for an exhibit of type {type(exhibit).__name__}")


@exhibit_html.register
def _(exhibit: Picture) -> str:
    longer = max(exhibit.width, exhibit.height)
    if not exhibit.png or not longer:
        return f"<figure>{_caption(exhibit, empty=True)}</figure> "
    zoom = max(1, round(_SMALLEST / longer)) if longer < _SMALLEST else min(1.0, _LARGEST / longer)
    sizes = f'width="{exhibit.width * zoom:.0f}" height="{exhibit.height * zoom:.0f}"'
    kind = ' class="nbd-large"' if zoom > 1 else ""  # every pixel is shown as one
    image = f'<img{kind} src="{png.data_uri(exhibit)}" {sizes} alt="{escape(one_line(exhibit.label)) or "sample"}">'
    return f"<figure>{image}{_caption(exhibit)}</figure> "


@exhibit_html.register
def _(exhibit: Trace) -> str:
    marks, _, _ = svg.curve(Curve("", exhibit.series))
    drawn = f'<div class="nbd-trace">{marks}</div>' if marks else ""
    return f'<figure class="nbd-traced">{drawn}{_caption(exhibit, empty=not marks)}</figure> '


@exhibit_html.register
def _(exhibit: Words) -> str:
    parts = (_faint(exhibit.before), escape(_cut(exhibit.text)), _faint(exhibit.after))
    return f'<figure class="nbd-words">{_caption(exhibit)}<p>{" ".join(filter(None, parts))}</p></figure> '


@exhibit_html.register
def _(exhibit: Row) -> str:
    shown = "".join(
        f'<span><i{full_name(name, 30)}>{escape(shortened(name, 30))}=</i>{escape(_value(value))}</span> '
        for name, value in islice(exhibit.values.items(), _MOST_VALUES)
    )
    more = len(exhibit.values) - _MOST_VALUES
    rest = f"… {more:,} more" if more > 0 else ""
    return f'<figure class="nbd-words">{_caption(exhibit)}<p class="nbd-row">{shown}{rest}</p></figure> '


def line(exhibit: Exhibit) -> str:
    """The exhibit in one line of words."""
    if isinstance(exhibit, Words):
        said = one_line(f"{exhibit.before} {exhibit.text} {exhibit.after}")
    elif isinstance(exhibit, Row):
        said = ", ".join(f"{one_line(name)}={_value(value)}" for name, value in islice(exhibit.values.items(), _MOST_VALUES))
    else:
        said = ""
    note = f" ({one_line(exhibit.note)})" if exhibit.note else ""
    return ": ".join(filter(None, [one_line(exhibit.label) + note, said]))


def is_drawn(exhibit: Exhibit) -> bool:
    """Whether it says little in words."""
    return isinstance(exhibit, (Picture, Trace))


def _caption(exhibit: Exhibit, *, empty: bool = False) -> str:
    label = escape(one_line(exhibit.label)) + (" (empty)" if empty else "")
    note = f'<div class="nbd-quiet">{escape(one_line(exhibit.note))}</div>' if exhibit.note else ""
    return f"<figcaption>{label}{note}</figcaption>"


def _faint(text: str) -> str:
    return f'<span class="nbd-faint">{escape(_cut(text))}</span>' if text else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} … {len(text) - _LONGEST_TEXT:,} more characters"


def _value(value: str | float | int | bool | None) -> str:
    return shortened(value, 60) if isinstance(value, str) else number(value)
