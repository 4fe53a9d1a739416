"""nbdebug finds out why a PyTorch training does not learn, inside the notebook where it is written.

    setup = nbdebug.TrainingSetup(model=…, loss_fn=…, optimizer=…, train_loader=…)
    nbdebug.checkup(setup)
    nbdebug.explain("ND401")

In a notebook: `%load_ext nbdebug`, `%nbdebug checkup`.
"""

from typing import TYPE_CHECKING, Any

from nbdebug.catalogue import codes, explain
from nbdebug.checkup import checkup
from nbdebug.errors import (
    BatchError,
    CapsuleError,
    CodeError,
    NbdebugError,
    NotChecked,
    NotFinite,
    SetupError,
    StepError,
)
from nbdebug.findings import Finding, Location, Severity
from nbdebug.instruments import (
    activations,
    baselines,
    batch_size,
    data_audit,
    determinism,
    find_nan,
    first_step,
    gradcheck,
    gradients,
    headroom,
    loader_audit,
    lr_find,
    overfit,
    preflight,
    profile,
    show_batch,
    summary,
    what_if,
)
from nbdebug.instruments.base import Seen
from nbdebug.instruments.compare_data import compare_data
from nbdebug.instruments.find_nan import armed
from nbdebug.instruments.fit import fit
from nbdebug.instruments.own import check
from nbdebug.instruments.profile.ranges import named_ranges
from nbdebug.instruments.report import Report, last_report
from nbdebug.instruments.watch import Watch, watch
from nbdebug.instruments.why import why
from nbdebug.levels import levels
from nbdebug.replay import replay
from nbdebug.replaying import replaying
from nbdebug.seeding import seed_everything
from nbdebug.training_setup import TrainingSetup

if TYPE_CHECKING:
    from nbdebug.training import Run, attach, compare_runs, launch, runs

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What only a full run needs is imported when it is asked for."""
    if name not in ("Run", "attach", "compare_runs", "launch", "runs"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nbdebug import training

    return getattr(training, name)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext nbdebug`: the magic `%nbdebug` and its completion."""
    from nbdebug.notebook import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext nbdebug` takes both away again."""
    from nbdebug.notebook import unload

    unload(shell)


__all__ = [
    "BatchError", "CapsuleError", "CodeError", "Finding", "Location", "NbdebugError", "NotChecked", "NotFinite", "Report", "Run", "Seen",
    "SetupError", "Severity", "StepError", "TrainingSetup", "Watch", "activations", "armed", "attach", "baselines", "batch_size", "check", "checkup",
    "codes", "compare_data", "compare_runs", "data_audit", "determinism", "explain", "find_nan", "first_step", "fit", "gradcheck", "gradients", "headroom",
    "last_report", "launch", "levels", "loader_audit", "lr_find", "named_ranges", "overfit", "preflight", "profile", "replay", "replaying", "runs", "seed_everything", "show_batch",
    "summary", "watch", "what_if", "why",
]  # fmt: skip
