"""What is broken gets a finding or an error of one or two sentences; never a bare traceback, never a changed session."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import nbdebug
from nbdebug import NbdebugError, TrainingSetup
from tests.patients.parts import features, loader, mlp, training


def codes(report) -> set[str]:
    return {finding.code for finding in report.findings}


def says(words: str, setup: TrainingSetup) -> None:
    """checkup raises an NbdebugError of one or two sentences with these words."""
    with pytest.raises(NbdebugError, match=words) as caught:
        nbdebug.checkup(setup)
    assert len(str(caught.value)) < 300


def test_an_empty_loader():
    says("train_loader is empty", training(mlp(), train_loader=[]))


def test_a_batch_of_unknown_shape():
    report = nbdebug.checkup(training(mlp(), train_loader=["a sentence", "another"]))
    (finding,) = [f for f in report.findings if f.code == "ND312"]
    assert "batch_loss" in finding.message + finding.advice


def test_a_loader_that_can_be_read_once():
    says("read only once", training(mlp(), train_loader=(batch for batch in [features()])))


def test_a_model_that_raises():
    class Raises(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(64, 10)

        def forward(self, x):
            raise ValueError("not today")

    report = nbdebug.checkup(training(Raises()))
    (finding,) = [f for f in report.findings if f.code == "ND312"]
    assert "ValueError: not today" in finding.message
    assert finding.location.line is not None


def test_a_loss_that_is_not_one_number():
    report = nbdebug.checkup(training(mlp(), nn.CrossEntropyLoss(reduction="none")))
    assert "reduction='mean'" in next(f.message for f in report.findings if f.code == "ND312")


def test_a_model_on_the_meta_device():
    says("meta device", training(mlp().to("meta")))


def test_a_model_that_lies_on_two_devices():
    class Split(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            return self.head(self.body(x).to("meta"))  # stands for a second device on a machine that has one

    report = nbdebug.checkup(training(Split()))
    finding = next(f for f in report.findings if f.code == "ND312")
    assert finding.location.module == "head"


def test_an_optimizer_of_another_model():
    model = mlp()
    report = nbdebug.checkup(training(model, optimizer=torch.optim.Adam(mlp().parameters())))
    assert "ND601" in codes(report)


def test_nan_everywhere():
    inputs, targets = features()
    report = nbdebug.checkup(training(mlp(), data=(inputs * float("nan"), targets)))
    assert report.findings[0].code == "ND101"
    assert report._repr_mimebundle_()["text/html"]


def test_a_dataset_of_one_sample():
    inputs, targets = features()
    report = nbdebug.checkup(training(mlp(), data=(inputs[:1], targets[:1])))
    assert not [f for f in report.findings if f.severity == "error"]
    assert next(v for v in report.verdicts if v.code == "ND301").state == "not checked"


def test_targets_without_a_dimension():
    class Scalar(Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            return torch.randn(64), torch.tensor(index % 2)

    report = nbdebug.checkup(training(mlp(64, 2), train_loader=DataLoader(Scalar(), batch_size=None)))
    assert report.verdicts


def test_targets_that_are_strings():
    inputs, _ = features(32)
    report = nbdebug.checkup(training(mlp(), train_loader=DataLoader([(x, "cat") for x in inputs], batch_size=8)))
    assert "ND312" in codes(report) or "ND103" in codes(report)


def test_in_the_middle_of_backward():
    model = mlp()
    setup = training(model)
    batch = next(iter(setup.train_loader))
    caught = []

    def hook(gradient):
        try:
            nbdebug.checkup(setup)
        except NbdebugError as error:
            caught.append(str(error))

    model[0].weight.register_hook(hook)
    setup.loss(batch).backward()
    assert "in the middle of backward()" in caught[0]


def test_lazy_layers_that_no_batch_has_reached():
    model = nn.Sequential(nn.LazyLinear(10))
    setup = TrainingSetup(model=model, loss_fn=nn.CrossEntropyLoss(), train_loader=loader(*features()))
    says("lazy", setup)
    assert nn.parameter.is_lazy(model[0].weight)


def test_something_that_is_no_setup():
    with pytest.raises(NbdebugError, match="needs a TrainingSetup, got Sequential"):
        nbdebug.checkup(mlp())


def test_a_model_without_parameters():
    report = nbdebug.checkup(TrainingSetup(model=nn.Flatten(), loss_fn=nn.CrossEntropyLoss(), train_loader=loader(*features())))
    assert codes(report) & {"ND501"}


def test_a_dataset_that_raises_is_named():
    class Breaks(Dataset):
        def __len__(self):
            return 64

        def __getitem__(self, index):
            if index == 3:
                raise OSError("corrupt image")
            return torch.randn(64), 1

    says("index 3.*corrupt image", training(mlp(), train_loader=DataLoader(Breaks(), batch_size=8)))


def test_class_names_reach_html_escaped():
    inputs, targets = features(64)
    dataset = torch.utils.data.TensorDataset(inputs, targets)
    dataset.classes = ["<script>alert(1)</script>"] * 10
    shown = nbdebug.checkup(training(mlp(), train_loader=DataLoader(dataset, batch_size=16)))._repr_mimebundle_()["text/html"]
    assert "<script" not in shown


def test_an_infinite_loss_at_the_start():
    report = nbdebug.checkup(training(mlp(), lambda outputs, targets: outputs.sum() * float("inf")))
    assert "ND406" in codes(report)


@pytest.mark.parametrize("exception", [ValueError("mine"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_an_error_in_the_middle_leaves_everything_as_it_was(exception):
    class Breaks(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.body, self.calls = nn.BatchNorm1d(64), nn.Linear(64, 10), 0

        def forward(self, x):
            self.calls += 1
            if self.calls == 4:
                raise exception
            return self.body(self.norm(x))

    model = Breaks()
    model.body.weight.grad = torch.ones(10, 64)
    gradient, before = model.body.weight.grad, {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.get_rng_state()
    try:
        nbdebug.checkup(training(model))
    except KeyboardInterrupt:
        assert isinstance(exception, KeyboardInterrupt)
    assert model.calls == 0
    assert model.body.weight.grad is gradient
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
