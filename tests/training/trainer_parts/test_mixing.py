"""Mixup and CutMix: what is mixed with what, and that the loss is that of the mixed targets."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbdebug.errors import ConfigError
from nbdebug.training.config import read_config
from nbdebug.training.trainer.mixing import Mixing

CLASSES = torch.tensor([0, 1, 2, 0])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_mixup_is_what_its_paper_says() -> None:
    inputs = torch.randn(4, 3, generator=generator())
    found, mixed = Mixing(read_config(mixup=True))(inputs, CLASSES, generator())
    assert mixed.partner is not None and 0 < mixed.share < 1
    assert torch.allclose(found, mixed.share * inputs + (1 - mixed.share) * inputs[mixed.partner])
    logits = torch.randn(4, 3, generator=generator())
    one_hot = F.one_hot(CLASSES, 3).float()
    soft = mixed.share * one_hot + (1 - mixed.share) * one_hot[mixed.partner]
    assert float(mixed(F.cross_entropy)(logits, CLASSES)) == pytest.approx(float(F.cross_entropy(logits, soft)), abs=1e-6)


def test_cutmix_pastes_a_box_and_counts_its_pixels() -> None:
    inputs = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 2, 8, 8)
    for seed in range(20):
        found, mixed = Mixing(read_config(cutmix=1.0))(inputs, CLASSES, generator(seed))
        assert mixed.partner is not None
        kept = (found == inputs).flatten(1).double().mean(1)
        for sample, partner in enumerate(mixed.partner.tolist()):
            assert set(found[sample].unique().tolist()) <= {float(sample), float(partner)}
            assert kept[sample] == pytest.approx(1.0 if partner == sample else mixed.share)
    assert inputs.unique().tolist() == [0, 1, 2, 3]  # the batch itself is not written to


def test_the_shares_are_those_of_the_beta_distribution_and_half_of_the_batches_are_cut_when_both_are_on() -> None:
    mixing, random = Mixing(read_config(mixup=0.2, cutmix=1.0)), generator()
    inputs = torch.rand(4, 1, 16, 16)
    found = [mixing(inputs, CLASSES, random) for _ in range(300)]
    cut = sum(bool(torch.isin(mixture, inputs).all()) for mixture, _ in found)
    assert 110 < cut < 190
    alone = [Mixing(read_config(mixup=0.2))(inputs, CLASSES, random)[1].share for _ in range(400)]
    assert sum(alone) / 400 == pytest.approx(0.5, abs=0.08)  # of Beta(0.2, 0.2); its variance is 1 / (4 (2 * 0.2 + 1))
    assert float(torch.tensor(alone).var()) == pytest.approx(1 / 5.6, abs=0.03)


def test_the_same_generator_mixes_alike_and_the_sessions_own_is_left_alone() -> None:
    before = torch.get_rng_state()
    one, two = (Mixing(read_config(mixup=0.4))(torch.ones(4, 2), CLASSES, generator(3)) for _ in range(2))
    assert one[1].share == two[1].share and torch.equal(one[1].partner, two[1].partner)  # type: ignore[arg-type]
    assert torch.equal(before, torch.get_rng_state())


def test_some_batches_are_left_as_they_are() -> None:
    inputs, random = torch.rand(4, 2), generator()
    found = [Mixing(read_config(mixup=True, mix_probability=0.3))(inputs, CLASSES, random) for _ in range(300)]
    mixed = sum(mixture.partner is not None for _, mixture in found)
    assert 60 < mixed < 120
    assert all(same is inputs and mixture(F.cross_entropy) is F.cross_entropy for same, mixture in found if mixture.partner is None)
    assert Mixing(read_config(mixup=True))(torch.ones(1, 2), torch.tensor([0]), random)[1].partner is None  # a last batch of one
    assert not Mixing(read_config()).active


@dataclasses.dataclass
class Sample:
    image: Tensor
    labels: Tensor


class ByName(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image.mean((2, 3))


@pytest.mark.parametrize("make", [lambda x, y: (x, y), lambda x, y: [x, y], lambda x, y: {"image": x, "labels": y}, Sample])
def test_batches_of_every_structure(make: object) -> None:
    x = torch.rand(4, 3, 8, 8)
    batch, loss = Mixing(read_config(mixup=1.0)).batch(make(x, CLASSES), ByName(), nn.CrossEntropyLoss(), generator())  # type: ignore[operator]
    mixed, labels = (batch.image, batch.labels) if isinstance(batch, Sample) else tuple(batch.values()) if isinstance(batch, dict) else batch
    assert not torch.equal(mixed, x) and labels is CLASSES
    assert loss(ByName()(mixed), labels).ndim == 0
    assert loss({"logits": ByName()(mixed)}, labels).ndim == 0  # what the model returns, as torch's losses get it from a setup


def test_two_inputs_are_mixed_alike() -> None:
    x, y = torch.rand(4, 2), torch.rand(4, 5)
    (one, two), mixed = Mixing(read_config(mixup=1.0))((x, y), CLASSES, generator())
    assert torch.allclose(one, torch.lerp(x[mixed.partner], x, mixed.share)) and torch.allclose(two, torch.lerp(y[mixed.partner], y, mixed.share))


@pytest.mark.parametrize("words, inputs", [({"mixup": True}, torch.ones(4, 7, dtype=torch.long)), ({"cutmix": True}, torch.ones(4, 7)), ({"mixup": True}, torch.ones(3, 7))])
def test_what_has_no_mixture(words: dict[str, bool], inputs: Tensor) -> None:
    with pytest.raises(ConfigError, match="mixes"):
        Mixing(read_config(**words))(inputs, CLASSES, generator())


def test_a_model_that_makes_its_own_loss() -> None:
    with pytest.raises(ConfigError, match="makes its loss itself"):
        Mixing(read_config(mixup=True)).batch((torch.ones(4, 2), CLASSES), ByName(), None, generator())
