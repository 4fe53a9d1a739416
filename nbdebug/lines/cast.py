"""Which line casts to a number of few bits: `frame[c].astype(np.int16)`, `torch.tensor(rows, dtype=torch.int16)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbdebug.lines.names import calls, last_name
from nbdebug.lines.sources import only, texts
from nbdebug.source_lines import SourceLine


def line_that_casts(*kinds: str) -> SourceLine | None:
    """The line of the script or notebook that calls something with one of these dtypes; None where there is none, or more than one.

    Args:
        kinds: "int16", as an attribute of NumPy's, pandas' or torch's, or in quotes.
    """
    return only((text, number, call) for text, number, tree in texts() for call in calls(tree) if any(kind in kinds for kind in _kinds(call)))


def _kinds(call: ast.Call) -> Iterator[str]:
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "dtype")]
    yield from (argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else last_name(argument) for argument in given)
