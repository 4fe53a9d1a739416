"""A notebook without a notebook: text that is compiled as a cell of `__main__`, and known to linecache as IPython has it known."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import dedent
from typing import Any

from nbdebug import source_lines


@contextmanager
def cell(source: str, number: int = 7) -> Iterator[dict[str, Any]]:
    """Runs a cell; what it defines is there, and gone afterwards."""
    text, main = dedent(source).strip() + "\n", vars(sys.modules["__main__"])
    name = f"/tmp/ipykernel_1/{abs(hash(text))}.py"
    before = dict(main)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    source_lines.overrides[name] = number
    try:
        exec(compile(text, name, "exec"), main)
        yield main
    finally:
        main.clear()
        main.update(before)
        linecache.cache.pop(name, None)
        source_lines.overrides.pop(name, None)
