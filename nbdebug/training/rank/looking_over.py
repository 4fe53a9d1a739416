"""What the kernel looks at before a run of a setup, of runs whose setup or model is made in the ranks: rank 0 does it, before the first step.

    a factory      the preflight and the record, of what it has built; the other ranks wait at their first collective
    a loop         of the model that goes through ctx.wrap and the data that goes through ctx.loader what can be known without its loss
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import nn

from nbdebug.errors import LaunchError, NbdebugError, first_line
from nbdebug.findings import ERROR
from nbdebug.plain import to_plain
from nbdebug.training import before
from nbdebug.training.record import writing
from nbdebug.training_setup import TrainingSetup

if TYPE_CHECKING:
    from nbdebug.instruments.report import Report
    from nbdebug.training.rank.context import Context


def of_factory(setup: TrainingSetup, context: Context) -> None:
    """The record and the preflight of what a factory made; told as findings of the run.

    Raises:
        LaunchError: it found what cannot work.
    """
    if not context.is_main or context.attempt:
        return
    setup.model.to(context.device)
    setup = replace(setup, device=context.device)
    writing.write_in_rank(context.folder, setup=setup)
    if context.world_size == 1 or not asked(context):
        return
    try:
        report = before.looked_over(setup, context.config, context.world_size)
    except NbdebugError as error:  # the training will say what is wrong
        context.note(f"the preflight could not be made: {first_line(error)}")
        return
    _tell(report, context)
    if errors := [finding for finding in report.findings if finding.severity is ERROR]:
        raise LaunchError(f"no step was made: {'; '.join(map(str, errors))} · launch(…, preflight=False) trains all the same")


class OfLoop:
    """Meets the models and the data of a `train_fn(ctx)`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._model: nn.Module | None = None
        self._loader: Any = None
        self._looked = False

    def wrapped(self, model: nn.Module) -> None:
        """A model went through `ctx.wrap`; the first one counts."""
        if self._model is None:
            self._model = model
            writing.write_in_rank(self._context.folder, model)
            self._look_over()

    def read(self, loader: Any, train: bool) -> None:
        """Data went through `ctx.loader`."""
        writing.write_in_rank(self._context.folder, loaders={"train_loader" if train else "val_loader": loader})
        if train and self._loader is None:
            self._loader = loader
            self._look_over()

    def _look_over(self) -> None:
        """As soon as both are known, whichever came first."""
        context = self._context
        if self._model is None or self._loader is None or self._looked or context.world_size == 1 or not asked(context):
            return
        self._looked = True
        try:
            _tell(before.looked_over(TrainingSetup(self._model, train_loader=self._loader, device=context.device), context.config, context.world_size), context)
        except NbdebugError as error:
            context.note(f"the preflight could not be made: {first_line(error)}")


def of_loop(context: Context) -> OfLoop | None:
    """None where nobody is to look: in another rank, and when the run was started again."""
    return OfLoop(context) if context.is_main and not context.attempt else None


def asked(context: Context) -> bool:
    """Whether the launch wished a preflight."""
    return bool(context.folder.about().get("preflight_asked", True))


def _tell(report: Report, context: Context) -> None:
    for finding in before.told(report):
        context.send("finding", finding=to_plain(finding))
    if short := before.short_of_memory(report):
        context.note(short)
    context.send("preflight", verdicts=to_plain(list(report.verdicts)))
