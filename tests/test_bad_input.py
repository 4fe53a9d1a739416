"""What is broken gets a finding or an error of one or two sentences; never a bare traceback, never a changed session."""

from __future__ import annotations

import json
import threading
import warnings

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbdebug
from nbdebug import NbdebugError, TrainingSetup
from nbdebug.instruments.base import OWN_FAULT
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


class Breaks(Dataset):
    def __init__(self, *broken):
        self.broken, (self.inputs, self.targets) = broken, features(64)

    def __len__(self):
        return 64

    def __getitem__(self, index):
        if index in self.broken:
            raise OSError("corrupt image")
        return self.inputs[index], self.targets[index]


def test_a_dataset_that_raises_throughout_its_first_batch_is_named():
    says("index 0.*corrupt image", training(mlp(), train_loader=DataLoader(Breaks(*range(8)), batch_size=8)))


def test_a_sample_that_raises_in_the_first_batch_is_named_and_takes_no_other_with_it():
    report = nbdebug.checkup(training(mlp(), train_loader=DataLoader(Breaks(3), batch_size=8)))
    first = report.findings[0]
    assert (first.code, str(first.severity)) == ("ND312", "error") and first.location.detail == "train_loader, dataset index 3"
    assert "dataset index 3, raised OSError: corrupt image, in batch 0; 1 of 64 samples" in first.message
    assert next(v for v in report.verdicts if v.code == "ND101").state == "sound"


def test_class_names_reach_html_escaped():
    inputs, targets = features(64)
    dataset = torch.utils.data.TensorDataset(inputs, targets)
    dataset.classes = ["<script>alert(1)</script>"] * 10
    shown = nbdebug.checkup(training(mlp(), train_loader=DataLoader(dataset, batch_size=16)))._repr_mimebundle_()["text/html"]
    assert "<script" not in shown


def test_an_infinite_loss_at_the_start():
    report = nbdebug.checkup(training(mlp(), lambda outputs, targets: outputs.sum() * float("inf")))
    assert "ND308" in codes(report)  # where it is born; that the first loss is off is a symptom of it


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


# -- parts that are not what their name says --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"train_loader": TensorDataset(*features(32))}, "TensorDataset, which does not give batches"),
        ({"train_loader": {"inputs": 1}}, "dict, which does not give batches"),
        ({"loss_fn": nn.CrossEntropyLoss}, "pass an instance of it"),
        ({"scheduler": "cosine"}, r"must have a step\(\)"),
        ({"scaler": 1024}, "GradScaler"),
        ({"device": "cudaa"}, "not known to torch"),
    ],
    ids=["dataset", "dict", "class", "scheduler", "scaler", "device"],
)
def test_a_part_that_is_something_else(parts, words):
    with pytest.raises(NbdebugError, match=words):
        training(mlp(), **parts)


def test_a_model_that_forgot_to_initialise_itself():
    class Forgot(nn.Module):
        def __init__(self):
            pass

    with pytest.raises(NbdebugError, match=r"super\(\).__init__"):
        TrainingSetup(model=Forgot())


def test_an_option_that_does_not_exist():
    with pytest.raises(NbdebugError, match="no option sample: it takes samples, steps"):
        nbdebug.overfit(training(mlp()), sample=3)


# -- loaders ----------------------------------------------------------------------------------------------------


def test_a_loader_that_raises_on_its_way_keeps_what_was_read_before_and_after():
    report = nbdebug.checkup(training(mlp(), train_loader=DataLoader(Breaks(50, 57), batch_size=8)))
    (finding,) = [f for f in report.findings if f.code == "ND312"]
    assert (finding.evidence["batch"], finding.evidence["broken"], finding.evidence["samples"]) == (6, 2, "50,57")  # 48 samples before were good
    assert "dataset index 50, raised OSError: corrupt image, in batch 6; 2 of 64 samples" in finding.message
    assert report.parts[0].result.train.samples == 62
    assert next(v for v in report.verdicts if v.code == "ND101").state == "sound"


def test_batches_that_change_their_structure():
    inputs, targets = features(64)
    report = nbdebug.checkup(training(mlp(), train_loader=[(inputs, targets), None]))
    assert "batch of NoneType" in next(f.message for f in report.findings if f.code == "ND312")


def test_a_batch_that_contains_itself():
    inputs, targets = features(8)
    batch = {"inputs": inputs, "targets": targets}
    batch["again"] = batch
    says("RecursionError", training(mlp(), train_loader=[batch]))


def test_a_model_that_writes_to_its_inputs_leaves_a_list_of_batches_alone():
    inputs, targets = features(32)
    batches = [(inputs.clone(), targets)]

    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return self.body(x.mul_(2))

    nbdebug.checkup(training(Writes(), train_loader=batches))
    assert torch.equal(batches[0][0], inputs)


@pytest.mark.parametrize("turn", [torch.Tensor.to_sparse, lambda t: t.to("meta")], ids=["sparse", "meta"])
def test_batches_of_an_unusual_kind(turn):
    inputs, targets = features(32)
    report = nbdebug.checkup(training(mlp(), train_loader=[(turn(inputs), targets)]))
    assert report.proof.changes == ()


# -- models and losses ------------------------------------------------------------------------------------------


def test_an_error_that_cannot_be_printed():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    def loss_fn(outputs, targets):
        raise Mute

    assert "Mute: no message" in next(f.message for f in nbdebug.checkup(training(mlp(), loss_fn)).findings)


def test_an_error_as_long_as_a_book():
    def loss_fn(outputs, targets):
        raise ValueError("x" * 1_000_000 + "\ud800<script>")

    report = nbdebug.checkup(training(mlp(), loss_fn))
    shown = report._repr_mimebundle_()["text/html"].encode()  # half of a surrogate pair cannot be encoded
    assert len(shown) < 300_000
    assert b"<script" not in shown


def test_a_class_that_answers_every_attribute_its_own_way():
    class Strict(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return self.body(x)

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                raise RuntimeError(f"there is no {name}") from None

    assert OWN_FAULT not in str(nbdebug.checkup(training(Strict())))


def test_a_complex_loss():
    report = nbdebug.checkup(training(mlp(), lambda outputs, targets: outputs.mean().to(torch.complex64)))
    assert "one real number" in next(f.message for f in report.findings if f.code == "ND312")


def test_what_first_step_learnt_before_a_model_refused_is_kept():
    class NeedsGradients(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.spare = nn.Linear(64, 10), [nn.Linear(64, 10)]

        def forward(self, x):
            if not torch.is_grad_enabled():
                raise RuntimeError("only with gradients")
            return self.body(x) + self.spare[0](x)

    report = nbdebug.checkup(training(NeedsGradients()))
    assert "ND203" in codes(report)
    assert any("only with gradients" in part.stopped for part in report.parts)


def test_a_part_of_nbdebug_that_fails_says_so_and_leaves_the_others(monkeypatch):
    check = nbdebug.first_step.checks["ND401"]

    def stumbles(result):
        raise IndexError("of our own making")

    monkeypatch.setitem(nbdebug.first_step.checks, "ND401", type(check)(check.code, check.title, check.severity, "", stumbles))
    report = nbdebug.checkup(training(nn.Sequential(nn.Linear(64, 10)), nn.NLLLoss()))
    assert "ND402" in codes(report)
    assert next(v.reason for v in report.verdicts if v.code == "ND401") == f"{OWN_FAULT} IndexError: of our own making"


# -- surroundings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "context",
    [
        lambda: torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad, torch.inference_mode,
        lambda: torch.autograd.detect_anomaly(check_nan=False), warnings.catch_warnings,
    ],
    ids=["autocast", "no_grad", "inference_mode", "anomaly", "warnings as errors"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Anomaly")
def test_a_sound_training_is_sound_wherever_checkup_is_called(context):
    setup = training(mlp())
    with context():
        if context is warnings.catch_warnings:
            warnings.simplefilter("error")
        report = nbdebug.checkup(setup)
    assert [f for f in report.findings if f.severity != "info"] == []
    assert OWN_FAULT not in str(report.to_dict())
    assert nbdebug.Report.from_dict(json.loads(json.dumps(report.to_dict()))).to_dict() == report.to_dict()


def test_a_second_thread_is_told_to_wait():
    inside, leave, said = threading.Event(), threading.Event(), []

    def waits(outputs, targets):
        inside.set()
        leave.wait(10)
        return nn.functional.cross_entropy(outputs, targets)

    thread = threading.Thread(target=nbdebug.first_step, args=(training(mlp(), waits),))
    thread.start()
    inside.wait(10)
    try:
        nbdebug.first_step(training(mlp()))
    except NbdebugError as error:
        said.append(str(error))
    leave.set()
    thread.join()
    assert "another thread" in said[0]
    assert nbdebug.first_step(training(mlp())).proof.changes == ()


def test_a_terminal_that_is_gone(monkeypatch):
    class Gone:
        def isatty(self):
            return True

        def write(self, text):
            raise OSError("closed")

        flush = write

    monkeypatch.setattr("sys.stderr", Gone())
    assert nbdebug.first_step(training(mlp())).result is not None


def test_an_interrupt_that_leaves_a_mode_of_torch_behind():
    """As one does that comes between entering a mode and the block under it."""

    class Interrupts(TorchFunctionMode):
        pass

    def loss_fn(outputs, targets):
        Interrupts().__enter__()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        nbdebug.first_step(training(mlp(), loss_fn))
    assert torch.overrides._get_current_function_mode_stack() == []
    assert caught.value.report.proof.changes == ()


@pytest.mark.parametrize(
    ("name", "option"), [("find_nan", {"max_steps": -1}), ("headroom", {"batches": 0}), ("data_audit", {"batches": 0}), ("headroom", {"steps": 1.5})]
)
def test_a_number_of_nothing(name, option):
    with pytest.raises(nbdebug.SetupError, match=f"{next(iter(option))} must be a whole number of at least"):
        getattr(nbdebug, name)(training(mlp()), **option)
