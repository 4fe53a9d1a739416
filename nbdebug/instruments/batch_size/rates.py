"""What another batch size asks of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from nbdebug.instruments.batch_size.result import Rate
from nbdebug.training_setup import TrainingSetup

LINEAR = ("SGD", "ASGD")  # Goyal et al. 2017, Accurate, Large Minibatch SGD, section 2.1
SQUARE_ROOT = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop")  # Malladi et al. 2022, for Adam and RMSprop; the rest by analogy
SOURCES = (
    "Linear for SGD: when the batch is k times as large, so is the learning rate (Goyal et al. 2017, arXiv 1706.02677; Krizhevsky "
    "2014). Square root for Adam and RMSprop (Malladi et al. 2022, arXiv 2205.10287), which asks for other betas and eps as well."
)
LIMITS = (
    "Both are rules of thumb for the same number of epochs, and for learning rates that are well chosen now. At the beginning a "
    "large rate breaks what the rule assumes: warm up, from the present rate to the new one over the first epochs (Goyal et al. used "
    "five). From some size on (8192 for ResNet-50 on ImageNet) no rate makes up for the fewer updates. nbdebug.lr_find measures."
)


def scaled(setup: TrainingSetup, own: int, sizes: tuple[int, ...]) -> Iterator[Rate]:
    """The learning rate of each parameter group for each of these batch sizes."""
    for optimizer in setup.optimizers:
        kind = type(optimizer).__name__
        for number, group in enumerate(optimizer.param_groups):
            rate = group.get("lr")
            if rate is None:
                continue
            name = kind if len(optimizer.param_groups) == 1 else f"{kind}, group {number}"
            for size in sizes:
                yield _scaled(name, kind, group, float(rate), size, size / own)


def _scaled(name: str, kind: str, group: dict[str, Any], rate: float, size: int, times: float) -> Rate:
    if kind in LINEAR:
        then, others = rate * times, ""
        return Rate(name, "linear", rate, size, times, then, others, _call(name, size, then, others))
    if kind in SQUARE_ROOT:
        then, others = rate * math.sqrt(times), _with_it(kind, group, times)
        return Rate(name, "square root", rate, size, times, then, others, _call(name, size, then, others))
    return Rate(name, "none known", rate, size, times, None)


def _with_it(kind: str, group: dict[str, Any], times: float) -> str:
    """The other numbers of the square-root rule, as arguments; those that it would make negative are left out."""
    said = []
    if "betas" in group:
        betas = [1 - times * (1 - float(beta)) for beta in group["betas"]]
        said += [f"betas=({betas[0]:.4g}, {betas[1]:.6g})"] if min(betas) > 0 else []
    if kind == "RMSprop" and "alpha" in group:
        alpha = 1 - times * (1 - float(group["alpha"]))
        said += [f"alpha={alpha:.4g}"] if alpha > 0 else []
    return ", ".join([*said, f"eps={float(group['eps']) / math.sqrt(times):.2e}"] if "eps" in group else said)


def _call(name: str, size: int, then: float, others: str) -> str:
    """One line to paste; a group among several is named."""
    kind, _, group = name.partition(", ")
    arguments = f"lr={then:.3g}" + (f", {others}" if others else "")
    if group:
        return f"# batch_size={size}, {name}: {arguments}"
    ends = "  # the rule for betas ends before this size" if kind in SQUARE_ROOT and kind != "RMSprop" and "betas" not in others else ""
    return f"optimizer = torch.optim.{kind}(model.parameters(), {arguments})  # batch_size={size}{ends.replace('  #', ';')}"
