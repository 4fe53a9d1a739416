"""The scene of an exception: the frames of its traceback, the modules that ran in them, and whose phase it was."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from torch import nn

from nbdebug.errors import StepError, said
from nbdebug.listening import module_paths
from nbdebug.source_lines import is_users, variables_of

CALL = nn.Module._call_impl.__code__
LOSSES = (
    "cross_entropy nll_loss binary_cross_entropy binary_cross_entropy_with_logits mse_loss l1_loss smooth_l1_loss huber_loss kl_div "
    "poisson_nll_loss gaussian_nll_loss hinge_embedding_loss margin_ranking_loss cosine_embedding_loss triplet_margin_loss "
    "triplet_margin_with_distance_loss multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss soft_margin_loss ctc_loss"
).split()
LOSS_IS_SET = re.compile(r"\s*\w*loss\w*\s*(?:[+*]?=|,)(?!=)", re.IGNORECASE)
HOMES = {  # a part of the file's path → whose phase a frame in it belongs to
    "torch/autograd/": "backward", "torch/_tensor.py": "", "torch/optim/": "optimizer", "torch/utils/data/": "data",
}  # fmt: skip


@dataclass(frozen=True)
class Stop:
    """One frame of a traceback, where it stood."""

    frame: FrameType
    line: int
    instruction: int

    @property
    def file(self) -> str:
        return self.frame.f_code.co_filename


@dataclass(frozen=True)
class Running:
    """A module that was running when the exception came."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    caller: int  # index of the stop that called it


class Scene:
    """What the traceback of an exception tells. Holds its frames: keep it no longer than it is read."""

    def __init__(self, error: BaseException) -> None:
        self.error = origin_of(error)
        self.stops = list(_stops(self.error.__traceback__))
        self.running = list(self._modules())
        self.message = " ".join(said(self.error).split())

    @property
    def outermost(self) -> Running | None:
        return self.running[0] if self.running else None

    @property
    def innermost(self) -> Running | None:
        return self.running[-1] if self.running else None

    @property
    def path(self) -> str:
        """Dotted path of the innermost module, from the outermost; "" for that one itself, or for none."""
        if not self.running:
            return ""
        try:
            paths = module_paths(self.running[0].module)
        except (AttributeError, RecursionError):  # its __init__ did not call that of nn.Module
            return ""
        return next((path for r in reversed(self.running) if (path := paths.get(id(r.module))) is not None), "")

    def users(self) -> Stop | None:
        """The innermost stop in the user's own code."""
        return next((stop for stop in reversed(self.stops) if is_users(stop.frame.f_code)), None)

    def function(self) -> Stop | None:
        """The innermost function of torch.nn.functional that was running."""
        named = (s for s in reversed(self.stops) if s.frame.f_globals.get("__name__") == "torch.nn.functional")
        return next((stop for stop in named if not stop.frame.f_code.co_name.startswith("_")), None)

    def variables(self, stop: Stop) -> dict[str, Any]:
        return variables_of(stop.frame)

    def phase(self) -> str:
        """"forward", "loss", "backward", "optimizer", "data" or "load"."""
        names = {stop.frame.f_code.co_name for stop in self.stops}
        files = [stop.file.replace("\\", "/") for stop in self.stops]
        if "load_state_dict" in names:
            return "load"
        if self.running:
            return "loss" if type(self.running[0].module).__module__.startswith("torch.nn.modules.loss") else "forward"
        for part, phase in HOMES.items():
            if phase and any(part in file for file in files):
                return phase
        if "DataLoader worker" in self.message:
            return "data"
        if names & set(LOSSES) or self.making_a_loss() is not None:
            return "loss"
        return "forward" if "forward" in names else "operation"

    def making_a_loss(self) -> Stop | None:
        """The stop of the user's whose line sets a variable that is called a loss."""
        users = [stop for stop in self.stops if is_users(stop.frame.f_code)][-2:]  # a line further out may be a whole training
        return next((stop for stop in reversed(users) if LOSS_IS_SET.match(linecache.getline(stop.file, stop.line))), None)

    def _modules(self) -> Iterator[Running]:
        for index, stop in enumerate(self.stops):
            if stop.frame.f_code is CALL:
                held = variables_of(stop.frame)
                if "self" in held:  # a frame that was cleared holds nothing
                    caller = index - 2 if index > 1 and self.stops[index - 1].frame.f_code.co_name == "_wrapped_call_impl" else index - 1
                    yield Running(held["self"], tuple(held.get("args", ())), dict(held.get("kwargs", {})), caller)


def origin_of(error: BaseException) -> BaseException:
    """The user's own error under what nbdebug made of it."""
    while isinstance(error, StepError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _stops(traceback: TracebackType | None) -> Iterator[Stop]:
    while traceback is not None:
        yield Stop(traceback.tb_frame, traceback.tb_lineno, traceback.tb_lasti)
        traceback = traceback.tb_next
