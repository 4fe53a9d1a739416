"""nbdebug finds out why a PyTorch training does not learn, inside the notebook where it is written.

    setup = nbdebug.TrainingSetup(model=…, loss_fn=…, optimizer=…, train_loader=…)
    nbdebug.checkup(setup)
    nbdebug.explain("ND401")

In a notebook: `%load_ext nbdebug`, `%nbdebug checkup`.
"""

from typing import Any

from nbdebug.catalogue import codes, explain
from nbdebug.checkup import checkup
from nbdebug.errors import BatchError, CodeError, NbdebugError, NotChecked, SetupError, StepError
from nbdebug.findings import Finding, Location, Severity
from nbdebug.instruments import activations, data_audit, first_step, gradients, overfit, summary
from nbdebug.instruments.base import Seen
from nbdebug.instruments.own import check
from nbdebug.instruments.report import Report, last_report
from nbdebug.instruments.watch import Watch, watch
from nbdebug.training_setup import TrainingSetup

__version__ = "0.1.0"


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext nbdebug`: the magic `%nbdebug` and its completion."""
    from nbdebug.notebook import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext nbdebug` takes both away again."""
    from nbdebug.notebook import unload

    unload(shell)


__all__ = [
    "BatchError", "CodeError", "Finding", "Location", "NbdebugError", "NotChecked", "Report", "Seen", "SetupError",
    "Severity", "StepError", "TrainingSetup", "Watch", "activations", "check", "checkup", "codes", "data_audit", "explain",
    "first_step", "gradients", "last_report", "overfit", "summary", "watch",
]  # fmt: skip
