"""What we compute is recorded by no graph and seen by no mode of the user's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    with by_modes(), torch.no_grad():
        yield


def by_modes() -> Any:
    """The same for what is detached already: it costs a tenth, and is used in every hook."""
    if torch._C._len_torch_dispatch_stack():
        stack = contextlib.ExitStack()
        stack.enter_context(torch._C.DisableTorchFunction())
        stack.enter_context(_disable_current_modes())
        return stack
    return torch._C.DisableTorchFunction()
