"""`nbdebug.why()`: the last exception explained. It borrows no setup: the traceback is all that it needs."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from nbdebug.crash import Crash, explained, release
from nbdebug.errors import NotChecked, SetupError, first_line
from nbdebug.findings import ERROR
from nbdebug.instruments.base import Judged, Seen
from nbdebug.instruments.report import Report, remember
from nbdebug.untouched import Proof

RELEASED = "the traceback has let go of its tensors, so that their memory comes back: %debug would find no variables in it"

crashes = Judged("why", title="why it raised", level="code", result=Crash)


def why(error: BaseException | None = None) -> Report:
    """Explains an exception: what met there, the way to it, and the mend that was tried on copies.

    Shapes, dtypes, devices, broadcasting, in-place writes, indices, memory: in forward, loss, backward, optimizer or
    loader. The step is run again on copies where it can be, and the session left as it was. Of an exception of memory
    the traceback lets go of the tensors.

    Args:
        error: the exception; None: the one that is being handled, or the last that was shown.

    Raises:
        SetupError: there was no exception.
    """
    started = time.perf_counter()
    error = error if error is not None else _last()
    proofs: list[Proof] = []
    crash = explained(error, proofs=proofs)
    if crash.memory or crash.is_memory:
        release(error)
        gc.collect()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        crash = replace(crash, released=RELEASED)
    verdicts, findings = crashes.judge(crash)
    return remember(Report(
        "why", "why it raised", "code", crash, findings, verdicts, subject=f"{crash.error}: {first_line(error)}",
        seconds=time.perf_counter() - started, proof=Proof.united(proofs) if proofs else None,
    ))  # fmt: skip


def _last() -> BaseException:
    """The exception that is being handled, or the last one that was shown."""
    found = sys.exc_info()[1] or getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if not isinstance(found, BaseException):
        raise SetupError("no exception was raised in this session: run a cell that raises first, or give one, nbdebug.why(error)")
    return found


@crashes.check("ND312", "the step raises", severity=ERROR, advice="compare the shapes and dtypes that met there")
def step_raised(crash: Crash) -> Iterator[Seen]:
    """An exception of any cell; the page is that of the first step."""
    if not crash.tensors:
        raise NotChecked(crash.why or f"{crash.error} comes from Python code, not from an operation of torch")
    yield Seen(crash.sentence(), crash.location, {"phase": crash.phase, "tried": bool(crash.mends and crash.mends[0].works)}, advice=crash.advice())
