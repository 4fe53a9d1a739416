"""Names that a user gives: one that does not exist is an error that says which was meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from nbdebug.errors import SetupError

NAMED = 12  # names that an error lists


def demand_known(wanted: Sequence[str], known: Sequence[str], what: str) -> None:
    """Raises SetupError unless each of these names is known."""
    for name in wanted:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, 1)
            more = f" and {len(known) - NAMED:,} more" if len(known) > NAMED else ""
            listed = ", ".join(map(repr, known[:NAMED])) or "none"
            hint = f"did you mean {close[0]!r}?" if close else f"there {'is' if len(known) == 1 else 'are'} {listed}{more}"
            raise SetupError(f"there is no {what} called {name!r}: {hint}")
