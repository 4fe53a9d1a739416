"""Losses against torch's own and against formulas."""

from __future__ import annotations

import functools

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nbdebug.errors import ConfigError
from nbdebug.training.config import read_config
from nbdebug.training.trainer.losses import Focal, SmoothedBinary, build_loss

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, -0.3], [1.0, 1.0, -2.0], [0.0, 3.0, 0.0]])
CLASSES = torch.tensor([0, 2, 1, 1])


def counted(labels: list[int]) -> DataLoader:
    return DataLoader(TensorDataset(torch.zeros(len(labels), 1), torch.tensor(labels)), batch_size=2)


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 3.0])])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_focal_loss_that_focuses_on_nothing_is_cross_entropy(weight: Tensor | None, smoothing: float) -> None:
    targets = torch.tensor([0, 2, -100, 1])
    ours = Focal(0.0, weight, smoothing)(LOGITS, targets)
    assert float(ours) == pytest.approx(float(F.cross_entropy(LOGITS, targets, weight, label_smoothing=smoothing)), abs=1e-6)
    pixels = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    truth = torch.randint(3, (2, 4, 4), generator=torch.Generator().manual_seed(1))
    assert float(Focal(0.0, weight, smoothing)(pixels, truth)) == pytest.approx(float(F.cross_entropy(pixels, truth, weight, label_smoothing=smoothing)), abs=1e-6)


def test_a_focal_loss_is_its_formula() -> None:
    p = LOGITS.softmax(1)[range(4), CLASSES]
    assert float(Focal(2.0)(LOGITS, CLASSES)) == pytest.approx(float(-((1 - p) ** 2 * p.log()).mean()), abs=1e-6)
    truth = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0]])
    p = torch.where(truth == 1, LOGITS.sigmoid(), 1 - LOGITS.sigmoid())
    assert float(Focal(2.0)(LOGITS, truth)) == pytest.approx(float(-((1 - p) ** 2 * p.log()).mean()), abs=1e-6)
    assert float(Focal(0.0)(LOGITS, truth)) == pytest.approx(float(F.binary_cross_entropy_with_logits(LOGITS, truth)), abs=1e-6)


def test_a_focal_loss_stays_finite_and_has_a_gradient_where_probabilities_are_0_or_1() -> None:
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    for targets in (torch.tensor([1, 1]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])):
        loss = Focal(2.0)(logits, targets)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert loss.isfinite() and gradient.isfinite().all()


def test_nothing_said_leaves_the_setups_loss() -> None:
    own = nn.CrossEntropyLoss()
    assert build_loss(read_config(), own) is own and build_loss(read_config(), None) is None
    assert build_loss(read_config({"loss": {}}), own) is own


@pytest.mark.parametrize("own", [nn.CrossEntropyLoss(ignore_index=7), functools.partial(F.cross_entropy, ignore_index=7)])
def test_smoothing_is_added_to_the_setups_loss_whose_other_options_stay(own: object) -> None:
    made = build_loss(read_config(label_smoothing=0.1), own)  # type: ignore[arg-type]
    assert isinstance(made, nn.CrossEntropyLoss) and (made.label_smoothing, made.ignore_index) == (0.1, 7)
    if isinstance(own, nn.Module):
        assert own.label_smoothing == 0.0  # the user's own is as it was


def test_losses_by_name_and_with_options() -> None:
    assert isinstance(build_loss(read_config(loss="mse")), nn.MSELoss)
    assert build_loss(read_config(loss={"type": "huber", "delta": 2.0})).delta == 2.0  # type: ignore[union-attr]
    focal = build_loss(read_config(loss={"type": "focal", "gamma": 3, "class_weights": [1, 2, 3]}))
    assert isinstance(focal, Focal) and focal.gamma == 3 and focal.weight.tolist() == [1, 2, 3]
    made = build_loss(read_config(**{"loss.gamma": 1.5}), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0])))
    assert isinstance(made, Focal) and made.weight.tolist() == [1.0, 2.0]
    positive = build_loss(read_config(loss={"type": "bce", "pos_weight": [3]}))
    assert positive.pos_weight.tolist() == [3.0]  # type: ignore[union-attr]


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    utils = pytest.importorskip("sklearn.utils.class_weight")
    labels = [0, 0, 0, 1, 2, 2]
    made = build_loss(read_config(class_weights="balanced"), nn.CrossEntropyLoss(), counted(labels))
    assert made.weight.tolist() == pytest.approx(list(utils.compute_class_weight("balanced", classes=numpy.unique(labels), y=labels)))  # type: ignore[union-attr]
    binary = build_loss(read_config(class_weights="balanced"), nn.BCEWithLogitsLoss(), counted([0, 0, 0, 1]))
    assert binary.pos_weight.tolist() == [3.0]  # type: ignore[union-attr]


def test_smoothed_binary_targets() -> None:
    made = build_loss(read_config(label_smoothing=0.2), nn.BCEWithLogitsLoss())
    assert isinstance(made, SmoothedBinary)
    assert float(made(torch.zeros(2), torch.tensor([0.0, 1.0]))) == pytest.approx(float(torch.tensor(2.0).log()))
    logits = torch.tensor([3.0])
    assert float(made(logits, torch.ones(1))) == pytest.approx(float(F.binary_cross_entropy_with_logits(logits, torch.tensor([0.9]))))


def mine(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).abs().mean()


@pytest.mark.parametrize(
    "words, own, message",
    [
        ({"label_smoothing": 0.1}, nn.MSELoss(), "label_smoothing is for cross_entropy, bce and focal, and the loss is MSELoss"),
        ({"label_smoothing": 0.1}, mine, "a function of yours"),
        ({"label_smoothing": 0.1}, None, "the setup's model makes its loss itself"),
        ({"loss": {"type": "cross_entropy", "class_weights": "balanced"}}, None, "there is none: give a list"),
        ({"loss": {"type": "mse", "class_weights": [1, 2]}}, None, "class_weights is for losses of classes"),
        ({"loss.gamma": 2}, nn.MSELoss(), "makes a focal loss of"),
    ],
)  # fmt: skip
def test_what_a_loss_cannot_have(words: dict[str, object], own: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_loss(read_config(**words), own)  # type: ignore[arg-type]
