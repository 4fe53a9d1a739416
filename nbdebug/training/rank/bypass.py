"""Whether a loop of the user's own calls the model past the wrapper that averages its gradients."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from nbdebug.findings import Finding, Location
from nbdebug.instruments.full_run import full_run
from nbdebug.source_lines import line_of, location_fields, users_frame

STEPS = 3  # in a row, each without a call of the wrapper; our choice: a warm-up of one's own may pass it once


class Bypass:
    """Listens to a wrapped model and to what it wraps.

    Args:
        tell: gets the finding, once.
    """

    def __init__(self, wrapper: nn.Module, inner: nn.Module, rank: int, tell: Callable[[Finding], None]) -> None:
        self._rank, self._tell = rank, tell
        self._parameters = {id(p) for p in inner.parameters() if p.requires_grad}
        self._inside, self._by_wrapper, self._bare, self._steps, self._place = False, 0, 0, 0, Location()
        self._handles: list[Any] = [
            wrapper.register_forward_pre_hook(self._enter), wrapper.register_forward_hook(self._leave, always_call=True),
            inner.register_forward_pre_hook(self._called), register_optimizer_step_post_hook(self._stepped),
        ]  # fmt: skip

    def close(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _enter(self, module: nn.Module, args: Any) -> None:
        self._inside = True
        self._by_wrapper += torch.is_grad_enabled()

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        self._inside = False

    def _called(self, module: nn.Module, args: Any) -> None:
        if not self._inside and module.training and torch.is_grad_enabled():
            self._bare += 1
            if not self._place:
                self._place = _place(sys._getframe(1))

    def _stepped(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not any(id(p) in self._parameters for group in optimizer.param_groups for p in group["params"]):
            return
        self._steps = self._steps + 1 if self._bare and not self._by_wrapper else 0
        self._by_wrapper = self._bare = 0
        if self._steps == STEPS:
            self.close()
            self._tell(self._finding())

    def _finding(self) -> Finding:
        check = full_run.checks["ND802"]
        said = f"the model was called without the wrapper that ctx.wrap gave in {STEPS} steps in a row: rank {self._rank} trains by its own gradients alone"
        return Finding("ND802", check.title, check.severity, said, check.advice, self._place, {"steps": STEPS})


def _place(frame: FrameType) -> Location:
    """The user's line that called."""
    frame_of_user = users_frame(frame)
    line = line_of(frame_of_user) if frame_of_user is not None else None
    return Location(**location_fields(line), text=line.text) if line is not None else Location(detail="the call of the model")
