"""A training setup: its parts are checked, its three verbs are a training step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nbdebug import SetupError, StepError, TrainingSetup
from tests.patients.parts import features, loader, mlp, training


def test_the_three_verbs_are_the_training_step_one_would_write():
    torch.manual_seed(0)
    ours, by_hand = mlp(), mlp()
    by_hand.load_state_dict(ours.state_dict())
    batch = next(iter(loader(*features(), shuffle=False)))
    setup = training(ours, optimizer=torch.optim.SGD(ours.parameters(), lr=0.1, momentum=0.9))
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        setup.backward(setup.loss(batch))
        setup.step()
        optimizer.zero_grad()
        nn.functional.cross_entropy(by_hand(batch[0]), batch[1]).backward()
        optimizer.step()
    for left, right in zip(ours.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(left, right)


def test_the_scaler_scales_and_unscales():
    model = mlp()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    setup = training(model, precision="16-mixed", scaler=scaler, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))
    setup.backward(setup.loss(next(iter(setup.train_loader))))
    assert setup.scale() == 1024.0
    scaled = model[0].weight.grad.norm()
    setup.step()
    assert float(scaled) > 1.0
    assert model[0].weight.grad is None


@pytest.mark.parametrize(("name", "meant"), [("fp16", "16-mixed"), ("bf16", "bf16-mixed"), (32, "32-true"), ("BF16-Mixed", "bf16-mixed")])
def test_precision_goes_by_the_names_people_know(name, meant):
    assert TrainingSetup(model=mlp(), precision=name).precision == meant


def test_bf16_mixed_runs_the_forward_in_bf16():
    setup = training(mlp(), precision="bf16-mixed")
    assert setup.outputs(next(iter(setup.train_loader))).dtype is torch.bfloat16


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"model": "net"}, "model must be a torch.nn.Module, got str"),
        ({"optimizer": "adam"}, "optimizer must be a torch.optim.Optimizer, got str"),
        ({"loss_fn": 3}, "loss_fn must be callable, got int"),
        ({"train_loader": 3}, "train_loader must be iterable, got int"),
        ({"precision": "fp12"}, "precision 'fp12' is not known"),
    ],
)
def test_a_wrong_part_is_named(parts, words):
    with pytest.raises(SetupError, match=words):
        TrainingSetup(**{"model": mlp(), **parts})


def test_a_loss_that_is_not_one_number_says_how_to_reduce_it():
    setup = training(mlp(), nn.CrossEntropyLoss(reduction="none"))
    with pytest.raises(SetupError, match="reduction='mean'"):
        setup.loss(next(iter(setup.train_loader)))


def test_no_loss_at_all_says_what_to_pass():
    setup = TrainingSetup(model=mlp(), train_loader=loader(*features()))
    with pytest.raises(SetupError, match="loss_fn="):
        setup.loss(next(iter(setup.train_loader)))


def test_the_users_error_is_the_cause():
    setup = training(mlp(63))
    with pytest.raises(StepError, match="the forward pass raised RuntimeError") as caught:
        setup.loss(next(iter(setup.train_loader)))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_batch_loss_written_for_the_model_is_told_what_it_is_given():
    setup = training(mlp(), batch_loss=lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1]))
    with pytest.raises(StepError, match=r"given the whole setup, not the model: write setup\.model"):
        setup.loss(next(iter(setup.train_loader)))


def test_several_optimizers_all_step():
    model = mlp()
    optimizers = [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in (model[0], model[2])]
    setup = training(model, optimizer=optimizers)
    before = [p.clone() for p in model.parameters()]
    setup.backward(setup.loss(next(iter(setup.train_loader))))
    setup.step()
    assert all(not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


def test_a_batch_that_is_there_already_is_given_on_and_the_users_list_stays_his():
    x, y = torch.randn(4, 3), torch.zeros(4)
    setup = TrainingSetup(nn.Linear(3, 1), nn.MSELoss())
    batch = [x, y]
    moved = setup.moved(batch)
    assert moved is not batch and moved[0] is x and moved[1] is y
    moved.pop()
    assert len(batch) == 2 and setup.moved((x, y)) == (x, y)


def test_gradients_are_cleared_by_the_users_own_zero_grad():
    class Own(torch.optim.SGD):
        cleared = 0

        def zero_grad(self, set_to_none=True):
            self.cleared += 1
            super().zero_grad(set_to_none)

    for kind in (torch.optim.SGD, Own):
        model = nn.Linear(3, 1)
        setup = TrainingSetup(model, nn.MSELoss(), kind(model.parameters(), 0.1))
        setup.backward(setup.loss((torch.randn(4, 3), torch.zeros(4, 1))))
        setup.step()
        assert model.weight.grad is None and model.bias.grad is None
    assert setup.optimizers[0].cleared == 1
