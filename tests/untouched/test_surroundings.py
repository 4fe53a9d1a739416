"""Loaders, the functions that the user wrote, and the settings of the process."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nbdebug import TrainingSetup
from nbdebug.untouched import Proof, untouched
from tests.untouched.borrowing import after, allocated, train, training

pytestmark = pytest.mark.filterwarnings("ignore")


class Augmented(Dataset):
    """Owns generators of every make, directly and in its transforms, and counts."""

    def __init__(self) -> None:
        self.data, self.counted = torch.randn(8, 4), 0
        self.transforms = [torch.Generator(), {"noise": np.random.default_rng(0)}]
        self.old, self.plain = np.random.RandomState(0), random.Random(0)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Tensor:
        self.counted += 1
        noise = self.transforms[1]["noise"].normal() + self.old.rand() + self.plain.random() + shared.random()
        return self.data[index] + noise + torch.randn(4, generator=self.transforms[0])


shared = np.random.default_rng(1)  # as in a notebook: a global that the dataset draws from


def test_generators_are_found_wherever_a_dataset_keeps_them() -> None:
    dataset = torch.utils.data.Subset(Augmented(), range(8))
    setup = TrainingSetup(nn.Linear(4, 4), train_loader=DataLoader(dataset, 2, shuffle=True, generator=torch.Generator()))
    first = [batch.tolist() for batch in setup.train_loader]
    with (borrowed := untouched(setup)):
        lent = [batch.tolist() for batch in setup.train_loader]
    second = [batch.tolist() for batch in setup.train_loader]
    assert borrowed.proof.changes == ()
    assert second == lent != first
    assert borrowed.proof.random_states == 3 + 6  # the process's three, the loader's, the dataset's four, the global
    assert dataset.dataset.counted == 16


def test_data_are_not_copied() -> None:
    dataset = TensorDataset(torch.randn(1000, 1000))
    setup = TrainingSetup(nn.Linear(2, 2), train_loader=DataLoader(dataset))
    assert allocated(lambda: after(setup, lambda s: None, weights=True)) < 50_000


acts: dict[str, Tensor] = {}
totals = [0.0]


def test_what_the_users_own_hooks_and_losses_write_to_comes_back() -> None:
    def keep(module: nn.Module, args: Any, output: Tensor) -> None:
        acts["last"] = output

    def loss_fn(outputs: Tensor, targets: Tensor) -> Tensor:
        totals.append(float(outputs.mean()))
        return nn.functional.cross_entropy(outputs, targets)

    setup = training(loss_fn=loss_fn)
    setup.model.head.register_forward_hook(keep)
    acts.clear(), totals.clear()
    assert after(setup, train, weights=True).changes == ()
    assert (acts, totals) == ({}, [])


def test_a_model_that_only_the_loss_knows_is_part_of_the_session() -> None:
    critic = nn.BatchNorm1d(2)
    setup = training(batch_loss=lambda setup, batch: critic(setup.model(batch[0])).square().mean())
    count = int(critic.num_batches_tracked)
    assert after(setup, lambda s: s.loss(next(iter(s.train_loader)))).changes == ()
    assert int(critic.num_batches_tracked) == count > 0


def test_gradients_flow_although_the_user_is_under_no_grad() -> None:
    setup = training()
    for guard in (torch.no_grad(), torch.inference_mode()):
        with guard:
            assert after(setup, train, weights=True).changes == ()
            assert not torch.is_grad_enabled()


def test_settings_come_back() -> None:
    import matplotlib

    def change(setup: TrainingSetup) -> None:
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.autograd.set_detect_anomaly(True)
        torch.backends.cudnn.benchmark = True
        torch.set_autocast_enabled("cpu", True)
        torch.set_autocast_dtype("cpu", torch.float16)
        matplotlib.rcParams["lines.linewidth"] = 9.0
        nn.functional.relu = nn.functional.gelu
        Tensor.backward = lambda self: None

    relu, backward = nn.functional.relu, Tensor.backward
    assert after(training(), change).changes == ()
    assert (nn.functional.relu, Tensor.backward) == (relu, backward)
    assert torch.get_default_dtype() == torch.float32
    assert torch.zeros(1).device.type == "cpu"
    assert matplotlib.rcParams["lines.linewidth"] != 9.0


def test_an_examination_within_an_examination() -> None:
    setup = training()
    inner: list[Proof] = []
    outer = after(setup, lambda s: (train(s), inner.append(after(s, train, weights=True)), train(s)), weights=True)
    assert (outer.changes, inner[0].changes) == ((), ())
