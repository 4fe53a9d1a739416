"""Mixup and CutMix: each sample mixed with another of its batch, and the loss with both their targets.

Zhang et al. 2018 (arXiv 1710.09412); Yun et al. 2019 (arXiv 1905.04899). The loss of a mixed sample is λ loss(truth) + (1 - λ) loss(partner's
truth), which for cross-entropy is that of mixed targets, and which every loss has.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.errors import ConfigError
from nbdebug.training.config import RunConfig
from nbdebug.training_setup import is_torch_loss


@dataclass(frozen=True)
class Mixed:
    """How a batch was mixed, and the loss that belongs to it.

    Called with a loss function it gives the loss of the mixed batch, to be called with outputs and the unmixed targets as ever.
    """

    share: float  # λ, of each sample itself
    partner: Tensor | None  # (samples,): whose share is 1 - λ; None: the batch was left as it is

    def __call__(self, loss_fn: Callable[..., Tensor]) -> Callable[..., Tensor]:
        if self.partner is None:
            return loss_fn

        def loss(outputs: Any, targets: Any) -> Tensor:
            if is_torch_loss(loss_fn):  # which gets the prediction alone, of what the model returns
                predicted = batches.prediction(outputs)
                outputs = outputs if predicted is None else predicted
            others = batches.map_tensors(lambda t: t[self.partner.to(t.device)], targets)  # type: ignore[union-attr]
            return self.share * loss_fn(outputs, targets) + (1 - self.share) * loss_fn(outputs, others)

        return loss


class Mixing:
    """Mixes batches as `data.mixup`, `data.cutmix` and `data.mix_probability` say; where both are on, each does half of the batches.

    Random numbers come from the generator that is given, so that a resumed training mixes alike.
    """

    def __init__(self, config: RunConfig) -> None:
        self.mixup, self.cutmix, self.probability = config.data.mixup, config.data.cutmix, config.data.mix_probability

    @property
    def active(self) -> bool:
        return bool(self.mixup or self.cutmix)

    def __call__(self, inputs: Any, targets: Any, generator: torch.Generator | None = None) -> tuple[Any, Mixed]:
        """Mixed inputs, and the mapping from a loss function to that of the mixed batch.

        Args:
            inputs: floating tensors with the samples along their first dimension, in any structure.
            targets: as many samples; a structure of tensors.

        Raises:
            ConfigError: inputs that have no mixture, such as tokens.
        """
        size = batches.batch_size(targets)
        draw = random.Random(int(torch.randint(2**62, (), generator=generator)))
        if not self.active or size is None or size < 2 or draw.random() >= self.probability:
            return inputs, Mixed(1.0, None)
        cut = self.cutmix is not None and (self.mixup is None or draw.random() < 0.5)
        alpha = self.cutmix if cut else self.mixup
        share = draw.betavariate(alpha, alpha)  # type: ignore[arg-type]
        order = list(range(size))
        draw.shuffle(order)
        partner = torch.tensor(order)
        whole = [tensor for _, tensor in batches.tensors(inputs)]
        if not whole or any(not t.is_floating_point() or t.ndim < (3 if cut else 2) or t.shape[0] != size for t in whole):
            wanted = "pictures (N, C, H, W) or series (N, C, T)" if cut else "floating inputs (N, …)"
            raise ConfigError(f"data.{'cutmix' if cut else 'mixup'} mixes {wanted}, and this batch has {batches.describe(inputs)}")
        if not cut:
            return batches.map_tensors(lambda t: torch.lerp(t[partner.to(t.device)], t, share), inputs), Mixed(share, partner)
        box, share = _box(whole[0].shape[2:], share, draw)
        return batches.map_tensors(lambda t: _pasted(t, partner, box) if t.shape[2:] == whole[0].shape[2:] else t, inputs), Mixed(share, partner)

    def batch(
        self, batch: Any, model: nn.Module, loss_fn: Callable[..., Tensor] | None, generator: torch.Generator | None = None
    ) -> tuple[Any, Callable[..., Tensor]]:
        """A whole batch with its inputs mixed, and the loss function for it.

        Raises:
            ConfigError: as above, or the model makes its own loss.
        """
        if loss_fn is None:
            raise ConfigError("data.mixup and data.cutmix mix the loss of two targets, and this model makes its loss itself: pass TrainingSetup(loss_fn=...)")
        call = batches.split(batch, model)
        given = [tensor for _, tensor in batches.tensors((call.args, call.kwargs))]
        if any(tensor is target for tensor in given for _, target in batches.tensors(call.targets)):
            raise ConfigError("data.mixup and data.cutmix need inputs apart from targets, and this model is given its targets too")
        mixed_inputs, mixed = self(given, call.targets, generator)
        mixtures = {id(old): new for old, new in zip(given, mixed_inputs, strict=True)}
        return batches.map_tensors(lambda t: mixtures.get(id(t), t), batch), mixed(loss_fn)


def _box(sizes: torch.Size, share: float, draw: random.Random) -> tuple[tuple[slice, ...], float]:
    """A box of about (1 - share) of the volume around a random point, and the share that is really left beside it."""
    edge = (1 - share) ** (1 / len(sizes))
    slices = []
    for size in sizes:
        half, centre = int(size * edge) / 2, draw.randrange(size)
        slices.append(slice(max(int(centre - half), 0), min(int(centre + half), size)))
    covered = 1.0
    for piece, size in zip(slices, sizes, strict=True):
        covered *= (piece.stop - piece.start) / size
    return tuple(slices), 1 - covered


def _pasted(tensor: Tensor, partner: Tensor, box: tuple[slice, ...]) -> Tensor:
    pasted = tensor.clone()
    pasted[(slice(None), slice(None), *box)] = tensor[partner.to(tensor.device)][(slice(None), slice(None), *box)]
    return pasted
