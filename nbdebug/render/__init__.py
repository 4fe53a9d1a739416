"""A page as text, HTML, figure or widget. Renderers know pages and findings, and nothing further up."""

from __future__ import annotations

import json
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from nbdebug.errors import NbdebugError
from nbdebug.page import Page


def mimebundle(page: Page) -> dict[str, str]:
    """What a front end chooses from: `text/plain` and self-contained `text/html`."""
    from nbdebug.render import html, text

    return {"text/plain": text.render(page), "text/html": html.render(page)}


def save(page: Page, data: dict[str, Any], path: str | PathLike[str]) -> str:
    """Writes the page to a file and returns its path.

    Args:
        data: the report as strict JSON values, which is what a `.json` file gets.
        path: ends in `.html` (self-contained), `.txt` or `.json`.

    Raises:
        NbdebugError: another ending, or a place that cannot be written to.
    """
    path = fspath(path)
    content = _content(page, data, path)
    try:
        Path(path).write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise NbdebugError(
            f"cannot write {path}: {error.strerror}; choose a folder that exists and is yours"
        ) from None
    return path


def _content(page: Page, data: dict[str, Any], path: str) -> str:
    suffix = Path(path).suffix.lower()
    if suffix == ".html":
        from nbdebug.render import html

        return html.document(page)
    if suffix == ".txt":
        from nbdebug.render import text

        return text.render(page) + "\n"
    if suffix == ".json":
        return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    raise NbdebugError(
        f"a report is saved as .html, .txt or .json, got {path!r}: give the file one of these endings"
    )
