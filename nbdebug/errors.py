"""Everything nbdebug raises, each with a message of one or two sentences: what was seen, what to do.

NbdebugError
├── SetupError       the training setup lacks something, or its parts do not fit
│   └── BatchError   a batch whose inputs and targets cannot be told apart
├── StepError        the user's own code raised while nbdebug ran a training step (the original is the cause)
├── NotFinite        an armed loop came to a loss, a gradient or a weight that is not finite, and was stopped
├── CapsuleError     a kept step could not be written, or a file is not one that may be read
├── ConfigError      a configuration that cannot be meant: a line, what was seen, what was expected
├── LaunchError      a run cannot be started, found, or gone on with
│   ├── CheckpointError  a checkpoint is damaged, foreign, or of another training
│   └── RankFailed   a rank of a run raised, died or fell silent
├── NotChecked       a check cannot judge this training; becomes "not checked, because …" in the report
└── CodeError        a finding code that does not exist, or may not be used
"""

from __future__ import annotations

from typing import Any


class NbdebugError(Exception):
    """Base of all errors of nbdebug. In a notebook it shows as one line, without nbdebug's own frames."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class SetupError(NbdebugError):
    """The training setup lacks something, or its parts do not fit together."""


class BatchError(SetupError):
    """A batch of a shape that nbdebug cannot split into inputs and targets."""


class StepError(NbdebugError):
    """The user's model, loss or optimizer raised during a training step; `__cause__` is the original error."""


class NotFinite(NbdebugError):
    """Stops an armed loop at its first NaN or Inf; `report` says where that was born."""

    report: Any = None


class CapsuleError(NbdebugError):
    """A kept step could not be written to a file, or the file is damaged, foreign or of a newer nbdebug."""


class ConfigError(NbdebugError):
    """A configuration that cannot be meant; says the line where it comes from a file."""


class LaunchError(NbdebugError):
    """A run that cannot be started, found, or gone on with."""


class CheckpointError(LaunchError):
    """A checkpoint that could not be written, or is damaged, foreign, or of another training."""


class RankFailed(LaunchError):
    """A rank of a run raised, died or fell silent; the message has its rank, the step and the line of the user's code."""

    rank: int | None = None
    traceback: str = ""  # of the rank, as it was printed there

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}", *self.traceback.rstrip().splitlines()]


class NotChecked(NbdebugError):
    """Raised by a check that cannot judge; its text is the reason the report shows."""


class CodeError(NbdebugError):
    """A finding code that does not exist, or may not be used."""


LONGEST = 300  # characters of somebody else's message that are repeated in ours


def said(error: BaseException) -> str:
    """What an error says, fit to be printed and saved, whatever the error is made of."""
    try:
        text = str(error).strip()
    except Exception:  # an exception class of the user's may fail in its own __str__
        text = ""
    return (text or "no message").encode("utf-8", "backslashreplace").decode()


def first_line(error: BaseException) -> str:
    """The first line of what an error says, cut where it is very long."""
    line = said(error).splitlines()[0]
    return line if len(line) <= LONGEST else line[:LONGEST] + "…"
