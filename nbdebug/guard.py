"""Between the taps and the recorder: a mistake of nbdebug's own must not stop the user's loop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from nbdebug.errors import first_line


class UsersError(Exception):
    """Carries what the user's own check raised; it goes on to the user."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Guarded:
    """Passes every call on to a listener. After the first error it falls silent, and says so in `trouble`."""

    def __init__(self, listener: Any) -> None:
        self.trouble = ""
        self.listener = listener

    def __getattr__(self, name: str) -> Callable[..., Any]:
        told = getattr(self.listener, name)

        def guarded(*args: Any) -> Any:
            if self.trouble:
                return None
            try:
                return told(*args)
            except Exception as error:
                return self.failed(error)

        setattr(self, name, guarded)  # found at once the next time
        return guarded

    def failed(self, error: Exception) -> None:
        """Something that the listener did went wrong; what is the user's own goes on to the user."""
        if isinstance(error, UsersError):
            raise error.error from None
        self.trouble = f"nbdebug itself failed and stopped listening: {type(error).__name__}: {first_line(error)}"
        with contextlib.suppress(Exception):
            self.listener.abandon()
