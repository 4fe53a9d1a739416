"""A loop of the user's own in a rank: armed, as `nbdebug.armed` does it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nbdebug.errors import NotFinite
from nbdebug.instruments.find_nan import Armed
from nbdebug.instruments.placing import placed
from nbdebug.instruments.report import Report
from nbdebug.plain import to_plain
from nbdebug.training.trainer.numbers import followed

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context


@contextlib.contextmanager
def armed(context: Context) -> Iterator[None]:
    """Tells where the first NaN of the loop is born, and keeps its step; looks at its layers now and then.

    Among several ranks nothing is armed: a step that one of them repeats would wait in its collectives for the others.
    """
    told = context.config.watch
    if not told.find_nan or context.world_size > 1:
        with followed(context):
            yield
        return
    try:
        with followed(context), Armed(capsule=str(context.folder.capsules / f"rank{context.rank}")):
            yield
    except NotFinite as error:
        if isinstance(error.report, Report):
            tell(context, error.report)
        raise


def tell(context: Context, report: Report) -> None:
    """The findings and the capsule of an armed loop, as events."""
    for finding in placed(report.findings):
        context.send("finding", finding=to_plain(finding))
    if report.result.capsule:
        context.send("capsule", path=report.result.capsule, step=report.result.origin.step)
