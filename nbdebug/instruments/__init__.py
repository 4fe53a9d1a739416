"""The instruments, in the order to reach for them. A new one is a file and a line here."""

from nbdebug.instruments.activations import activations  # noqa: I001  the order to reach for them, not of the alphabet
from nbdebug.instruments.data_audit import data_audit
from nbdebug.instruments.find_nan import find_nan
from nbdebug.instruments.first_step import first_step
from nbdebug.instruments.gradients import gradients
from nbdebug.instruments.gradcheck import gradcheck
from nbdebug.instruments.headroom import headroom
from nbdebug.instruments.loader_audit import loader_audit
from nbdebug.instruments.overfit import overfit
from nbdebug.instruments.what_if import what_if
from nbdebug.instruments.baselines import baselines
from nbdebug.instruments.lr_find import lr_find
from nbdebug.instruments.batch_size import batch_size
from nbdebug.instruments.determinism import determinism
from nbdebug.instruments.full_run import full_run  # noqa: F401  judged, and not called: its checks are those of a run
from nbdebug.instruments.preflight import preflight
from nbdebug.instruments.profile import profile
from nbdebug.instruments.own import own
from nbdebug.instruments.show_batch import show_batch
from nbdebug.instruments.summary import summary
from nbdebug.instruments.why import why

LADDER = (data_audit, loader_audit, first_step, activations, gradients, gradcheck, headroom, what_if, overfit, own)  # what checkup runs, cheap before dear

__all__ = ["LADDER", "activations", "baselines", "batch_size", "data_audit", "determinism", "find_nan", "first_step", "gradcheck", "gradients", "headroom", "loader_audit", "lr_find", "overfit", "own", "preflight", "profile", "show_batch", "summary", "what_if", "why"]
