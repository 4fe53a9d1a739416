"""What we compute is recorded by no graph and seen by no mode of the user's."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes


class unseen:  # noqa: N801  # a context, as torch.no_grad is; a generator would cost ten times as much
    __slots__ = ("_grad", "_functions", "_dispatch")

    def __enter__(self) -> None:
        self._functions = torch._C.DisableTorchFunction()
        self._functions.__enter__()
        self._grad = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        self._dispatch: Any = None
        if torch._C._len_torch_dispatch_stack():
            self._dispatch = contextlib.ExitStack()
            self._dispatch.enter_context(_disable_current_modes())

    def __exit__(self, *error: Any) -> None:
        if self._dispatch is not None:
            self._dispatch.close()
        torch._C._set_grad_enabled(self._grad)
        self._functions.__exit__(*error)
