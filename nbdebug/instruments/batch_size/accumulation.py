"""A batch that does not fit, made of several that do."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from nbdebug.instruments.batch_size.result import Accumulated
from nbdebug.training_setup import PRECISIONS, TrainingSetup

FEW = 16  # samples a batch below which batch-norm's statistics are poor: Wu & He 2018, Group Normalization, arXiv 1803.08494


def accumulated(setup: TrainingSetup, wanted: int, largest: int, part: int) -> Accumulated:
    """The steps that make up a wanted batch.

    Args:
        largest: samples that fit at once.
        part: samples of a part where all of it does not fit.
    """
    steps = 1 if wanted <= largest else math.ceil(wanted / part)
    samples = math.ceil(wanted / steps)
    return Accumulated(wanted, samples, steps, steps * samples - wanted, _code(setup, samples, steps), tuple(_cautions(setup, samples, steps)))


def _code(setup: TrainingSetup, samples: int, steps: int) -> str:
    if steps == 1:
        return f"train_loader = DataLoader(dataset, batch_size={samples}, shuffle=True)"
    dtype, scaler = PRECISIONS[setup.precision], setup.scaler is not None
    lines = [f"steps = {steps}  # {samples} samples each", f"train_loader = DataLoader(dataset, batch_size={samples}, shuffle=True)", ""]
    lines += ["for number, (inputs, targets) in enumerate(train_loader, start=1):"]
    indent = "    "
    if dtype is not None:
        lines.append(f'    with torch.autocast("{setup.device.type}", dtype={dtype}):')
        indent = "        "
    lines.append(f"{indent}loss = loss_fn(model(inputs), targets) / steps  # so that the gradients add up to those of the mean")
    lines.append(f"    {'scaler.scale(loss)' if scaler else 'loss'}.backward()")
    lines.append("    if number % steps == 0:")
    lines += ["        scaler.step(optimizer)", "        scaler.update()"] if scaler else ["        optimizer.step()"]
    lines.append("        optimizer.zero_grad()")
    return "\n".join(lines)


def _cautions(setup: TrainingSetup, samples: int, steps: int) -> Iterator[str]:
    if steps == 1:
        return
    if getattr(setup.loss_fn, "reduction", "mean") == "sum":
        yield "your loss sums over the samples (reduction='sum'): leave out the division by steps"
    if has_batch_norm(setup.model):
        yield f"batch-norm sees {samples} samples at a time, not all of them: the result is not that of one large batch"
    yield "a scheduler that is called at every step is called once per update now, so it takes fewer steps"
    yield "a mean over tokens or pixels that are not ignored weighs the parts unlike one large batch, where their counts differ"


def has_batch_norm(model: torch.nn.Module) -> bool:
    """Whether a layer takes statistics over the batch."""
    return any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) and m.training for m in model.modules())
