"""How hard does a loss of the user's own pull at each class? Asked where the outputs are all alike, so that nothing but its weights tells classes apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

MOST = 1000  # classes
ALIKE = 1.2  # largest pull over smallest, up to which the loss weighs no class


def pull_of_classes(loss_fn: Any, classes: int, labels: Tensor) -> Tensor | None:
    """(C,) length of the gradient at a sample of each class; None where the loss cannot be asked, or weighs all alike.

    Args:
        loss_fn: called as `loss_fn(outputs, targets)`.
        labels: of a batch, whose type the targets get.
    """
    if loss_fn is None or not 2 <= classes <= MOST:
        return None
    try:
        outputs = torch.full((classes, classes), 1 / classes, device=labels.device, requires_grad=True)  # alike as scores, and as probabilities
        targets = torch.arange(classes, device=labels.device).to(labels.dtype)
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(loss_fn(outputs, targets).sum(), outputs)
    except Exception:  # the user's own code, which may want anything
        return None
    pulls = gradient.detach().norm(dim=1).cpu()
    if not bool(torch.isfinite(pulls).all()) or float(pulls.min()) <= 0 or float(pulls.max()) <= ALIKE * float(pulls.min()):
        return None
    return pulls
