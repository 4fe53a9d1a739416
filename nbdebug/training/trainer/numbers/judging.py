"""What `watch` finds in the numbers of a rank, told while the training goes on, and as events when it is over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from nbdebug.errors import first_line
from nbdebug.findings import Finding
from nbdebug.instruments.base import ranked
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched
from nbdebug.page import Verdict
from nbdebug.plain import to_plain
from nbdebug.training.folder import RunFolder
from nbdebug.training.record import layers as kept
from nbdebug.training.record.writers.layers import LayerFile
from nbdebug.training.trainer.numbers.sampling import Sampling

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context

OF_NUMBERS = ("ND307", "ND502", "ND503", "ND604", "ND605", "ND807")  # of `watch`: those that look at numbers alone, for calls are not heard
GROWN = 1.5  # times as many looks as the last time, until they are judged again; our choice


class Judging:
    """Judges and writes down what was seen, as often as the purse allows.

    Args:
        place: puts the user's lines to findings.
        known: whether what was seen goes back to the first step of the training: a loss that did not fall is one that fell before it was resumed.
    """

    def __init__(self, sampling: Sampling, context: Context, place: Callable[[list[Finding]], Iterable[Finding]], *, known: bool = True) -> None:
        self._sampling, self._context, self._place, self._known = sampling, context, place, known
        self._judged = 0  # looks at the last time
        self._files = LayerFile(context.folder.tensorboard / "layers", context.attempt) if context.config.log.tensorboard else None
        self._trouble = ""  # why nothing is written

    def looked(self) -> None:
        """One more step was looked at."""
        sampling = self._sampling
        if sampling.seen >= GROWN * self._judged and sampling.purse.affords_judging():
            with sampling.purse.judging():
                self._judge()
            self._judged = sampling.seen

    def close(self) -> None:
        """The training is over: what was found at its end is told."""
        if not self._sampling.seen:
            return
        for finding in self._judge():
            self._context.send("finding", finding=to_plain(finding))
        if self._files is not None:
            self._files.close()
        if self._trouble:
            self._context.note(f"what was seen of the layers was not written: {self._trouble}")

    def _judge(self) -> list[Finding]:
        findings: list[Finding] = []
        try:
            result = self._sampling.result()
            verdicts, found = self._verdicts(result)
            findings = list(self._place(ranked(found)))
            kept.write(self._context.folder, self._sampling.numbers.histories(), result, self._sampling.seen, findings, verdicts)
            if self._files is not None:
                self._files.write(result)
        except Exception as error:  # neither a full disk nor a mistake of ours is a reason to end a training
            self._trouble = f"{type(error).__name__}: {first_line(error)}"
        return findings

    def _verdicts(self, result: WatchResult) -> tuple[list[Verdict], list[Finding]]:
        checks = [watched.checks[code] for code in OF_NUMBERS]
        if not self._known:
            why = "because the run was resumed, and what its layers were before is not known"
            return [Verdict(check.code, check.title, "not checked", why) for check in checks], []
        judged = [check(result) for check in checks]
        return [verdict for verdict, _ in judged], [finding for _, findings in judged for finding in findings]


def gone_on(context: Context) -> tuple[kept.Before | None, bool]:
    """What was seen before the run was resumed, and whether all of it is known."""
    if context.resume is None:
        return None, True
    step, named = int(context.resume.get("step") or 0), context.folder.about().get("resumed_from")
    for folder in (context.folder, *([RunFolder(_folder_of(Path(named)))] if named else [])):
        with contextlib.suppress(Exception):  # of another nbdebug
            if (before := kept.before(folder, step)) is not None:
                return before, True
    return None, step == 0


def _folder_of(checkpoint: Path) -> Path:
    """The run that a checkpoint lies in."""
    return checkpoint.parent.parent if checkpoint.suffix else checkpoint
