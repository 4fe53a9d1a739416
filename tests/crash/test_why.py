"""`nbdebug.why`: honest where it does not know, untouched where it ran something again, and no grip on memory that ran out."""

from __future__ import annotations

import gc
import json
import sys
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset

import nbdebug
from nbdebug.crash import Crash, explained
from tests.patients.parts import features, mlp, training

OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of 2.00 GiB of which 20.00 MiB is free."
ASSERT = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported at some other API call"


def raised_by(run: Callable[[], object]) -> BaseException:
    try:
        run()
    except BaseException as error:
        return error
    raise AssertionError("it does not raise")


def told(run: Callable[[], object]) -> Crash:
    return explained(raised_by(run))


# -- what is not known --------------------------------------------------------------------------------------------


def test_without_an_exception_it_says_so(monkeypatch):
    for name in ("last_exc", "last_value"):
        monkeypatch.delattr(sys, name, raising=False)
    with pytest.raises(nbdebug.SetupError, match="no exception"):
        nbdebug.why()


def test_the_exception_that_is_being_handled_is_the_last():
    try:
        mlp()(torch.zeros(2, 3))
    except RuntimeError:
        assert nbdebug.why().result.operands[0].shape == (2, 3)


class Labels(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {"image": torch.zeros(2)}["label"]


def own_error():
    class Picky(nn.Module):
        def forward(self, x):
            raise ValueError("not today")

    Picky()(torch.zeros(2))


@pytest.mark.parametrize(
    ("run", "name"),
    [
        (lambda: next(iter(DataLoader(Labels()))), "KeyError"),
        (lambda: next(iter(DataLoader(Labels(), num_workers=1))), "KeyError"),
        (lambda: torch.zeros(2) * (1 / 0), "ZeroDivisionError"),
        (own_error, "ValueError"),
        (lambda: int("three"), "ValueError"),
        (lambda: undefined, "NameError"),  # noqa: F821
    ],
)
def test_an_error_of_python_gets_no_mend(run, name):
    report = nbdebug.why(raised_by(run))
    crash = report.result
    assert (crash.error, crash.mends, crash.tensors, report.findings) == (name, (), False, ())
    assert "no tensor operation raised this" in str(report)
    assert next(v for v in report.verdicts if v.code == "ND312").state == "not checked"


def test_a_mistake_of_ours_does_not_take_what_is_known(monkeypatch):
    monkeypatch.setattr("nbdebug.crash.explain.reruns", lambda *given: 1 / 0)
    report = nbdebug.why(raised_by(lambda: mlp()(torch.zeros(2, 3))))
    assert "cannot be multiplied" in report.findings[0].message
    assert "nbdebug itself could not look further: ZeroDivisionError" in str(report)


class Refusing(Labels):
    def __getitem__(self, index):
        raise ValueError("a broken file")


def test_a_raise_in_a_worker_is_the_users_own():
    crash = told(lambda: next(iter(DataLoader(Refusing(), num_workers=1))))
    assert (crash.error, crash.message, crash.tensors, crash.mends) == ("ValueError", "a broken file", False, ())


def test_the_line_of_a_worker_is_found():
    crash = told(lambda: next(iter(DataLoader(Labels(), num_workers=1))))
    assert crash.location.file.endswith("test_why.py") and '["label"]' in crash.line
    assert crash.message == "'label'"


def test_what_no_mend_is_known_for_is_said():
    report = nbdebug.why(raised_by(lambda: torch.zeros(2, 3).cholesky_inverse()))
    assert report.result.mends == ()
    assert "no mend was found" in report.findings[0].advice
    assert "torch said so" in str(report)


def test_an_error_without_a_traceback():
    crash = explained(RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"))
    assert crash.mends == () and "cannot be multiplied" in crash.sentence()


def test_a_mend_that_does_not_help_is_not_told():
    crash = told(lambda: nn.Linear(7, 2)(torch.zeros(4, 3)).view(5, 5))
    assert all("flatten" not in mend.what and "transpose" not in mend.code for mend in crash.mends)


def test_it_survives_json_without_loss():
    report = nbdebug.why(raised_by(lambda: mlp()(torch.zeros(2, 1, 8, 8))))
    assert nbdebug.Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False))) == report


# -- untouched ----------------------------------------------------------------------------------------------------


class Trainer:
    """Holds its models as attributes, and steps where the loss is computed."""

    def __init__(self):
        self.body = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout())
        self.head = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.optimizer = torch.optim.Adam([*self.body.parameters(), *self.head.parameters()])
        self.seen: list[Tensor] = []

    def loss(self, x, targets):
        logits = self.head(self.body(x))
        self.seen.append(logits)
        loss = F.binary_cross_entropy_with_logits(logits, targets)
        loss.backward()
        self.optimizer.step()
        return loss

    def state(self) -> list[object]:
        tensors = [*self.body.state_dict().values(), *self.head.state_dict().values(), torch.get_rng_state()]
        gradients = [p.grad for p in (*self.body.parameters(), *self.head.parameters())]
        return [*[t.clone() for t in tensors], *gradients, len(self.seen), len(self.optimizer.state)]


def same(one, other):
    return all(torch.equal(a, b) if isinstance(a, Tensor) else a is b or a == b for a, b in zip(one, other, strict=True))


def test_a_step_that_was_tried_leaves_no_trace():
    trainer = Trainer()

    def train():
        loss = trainer.loss(torch.randn(8, 4), torch.ones(8))
        return loss  # noqa: RET504  the name is what is looked at

    error = raised_by(train)
    before = trainer.state()
    report = nbdebug.why(error)
    assert same(before, trainer.state())
    assert report.result.mends[0].works and "squeeze(-1)" in report.result.mends[0].code
    assert report.proof is not None and report.proof.changes == ()


def test_weights_that_step_in_a_rerun_come_back():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters())

    def train():
        x = torch.randn(5, 4)
        first, second = model(x).mean(), model(x + 1).mean()
        first.backward()
        optimizer.step()
        second.backward()

    error = raised_by(train)
    before = [p.clone() for p in model.parameters()] + [p.grad.clone() for p in model.parameters()]
    steps = [state["step"].item() for state in optimizer.state.values()]
    crash = explained(error)
    assert "optimizer.step()" in crash.line
    assert same(before, [*model.parameters(), *(p.grad for p in model.parameters())])
    assert [state["step"].item() for state in optimizer.state.values()] == steps


def test_a_loader_is_not_read_on():
    batches = iter([torch.zeros(2, 3), torch.zeros(2, 5), torch.zeros(2, 4)])

    def read():
        return nn.Linear(4, 1)(next(batches))

    error = raised_by(read)
    explained(error)
    assert next(batches).shape == (2, 5)


def test_the_frames_keep_nothing_of_the_rerun():
    def alive():
        gc.collect()
        return sum(type(thing) is Tensor and not thing.is_nested and thing.shape == (7, 3) for thing in gc.get_objects())

    def train():
        x = torch.randn(7, 3)
        h = x * 2
        return nn.Linear(9, 1)(h)

    error = raised_by(train)
    before = alive()
    report = nbdebug.why(error)
    assert report.result.rerun and report.result.mends[0].works
    assert alive() == before == 2  # x and h: the user's own frames still hold them, for %debug


def test_a_rerun_begins_no_other():
    calls = []

    def train():
        loss = again(torch.randn(4, 3))
        return loss  # noqa: RET504  the name is what is looked at

    def again(x):
        try:
            return nn.Linear(9, 1)(x)
        except RuntimeError as error:
            calls.append(nbdebug.why(error))
            raise

    report = nbdebug.why(raised_by(train))
    assert report.findings and calls[0].findings


# -- written over -------------------------------------------------------------------------------------------------


def test_both_lines_of_an_in_place_error_are_named():
    def train():
        x = torch.randn(3, 4, requires_grad=True)
        h = x.tanh()
        h[:, 0] = 0
        loss = h.pow(2).sum()
        loss.backward()

    crash = told(train)
    assert "h = x.tanh()" in crash.why and "h[:, 0] = 0" in crash.why
    assert crash.mends[0].code == "h = h.clone()\nh[:, 0] = 0" and crash.mends[0].works


def test_an_activation_in_place_is_named_by_its_path():
    model = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.ReLU(inplace=True), nn.Linear(4, 1))

    def train():
        loss = model(torch.randn(3, 4)).sum()
        loss.backward()

    crash = told(train)
    assert crash.location.module == "2" and "inplace=True" in crash.mends[0].what


def test_when_it_cannot_be_run_again_the_graph_tells():
    x = torch.randn(3, requires_grad=True)
    kept = {"h": x.exp()}
    kept["h"].mul_(2)
    crash = told(lambda: kept["h"].sum().backward())
    assert crash.mends and ("Exp" in crash.why or "exp" in crash.why)


# -- memory -------------------------------------------------------------------------------------------------------


class Large(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Linear(8 * 16 * 16, 64)

    def forward(self, x):
        h = self.body(x)
        if not x.is_meta and len(x) > 16:
            raise torch.OutOfMemoryError(OUT_OF_MEMORY)
        return self.head(h.flatten(1))


def test_memory_is_told_by_module_and_by_variable_and_comes_back():
    kept = []

    def train():
        model = Large()
        optimizer = torch.optim.Adam(model.parameters())
        model(torch.rand(4, 3, 16, 16)).mean().backward()
        optimizer.step()
        pictures = torch.rand(32, 3, 16, 16)
        kept.append(weakref.ref(pictures))
        model(pictures)

    error = raised_by(train)
    assert kept[0]() is not None
    report = nbdebug.why(error)
    rows = {(row.holder, row.kind): row.mebibytes for row in report.result.memory}
    assert rows["model.head", "parameters"] == rows["model.head", "gradients"] == pytest.approx((8 * 256 * 64 + 64) * 4 / 2**20)
    assert rows["optimizer (Adam)", "optimizer state"] == pytest.approx(2 * (8 * 256 * 64 + 64 + 8 * 27 + 8) * 4 / 2**20, rel=1e-3)
    assert rows["one forward pass of this batch", "activations"] == pytest.approx(32 * (8 * 256 + 64) * 4 / 2**20)
    assert any(name == "pictures" for name, _ in rows)
    assert "batch_size=16" in report.result.mends[0].code
    assert "512 MiB" in report.findings[0].message and "let go" in str(report)
    assert kept[0]() is None


def test_the_allocator_of_the_cpu():
    def train():
        images = torch.rand(64, 3, 8, 8)
        return torch.empty(2**50, dtype=torch.uint8), images

    report = nbdebug.why(raised_by(train))
    assert "1 PiB" in report.findings[0].message or "1024 TiB" in report.findings[0].message or "1.02e+03 TiB" in report.findings[0].message
    assert report.result.is_memory and report.result.released


def test_only_an_error_of_memory_releases_the_frames():
    kept = []

    def train():
        x = torch.zeros(2, 3)
        kept.append(weakref.ref(x))
        nn.Linear(4, 1)(x)

    error = raised_by(train)
    nbdebug.why(error)
    assert kept[0]() is not None and error.__traceback__ is not None


# -- device asserts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RuntimeError, torch.AcceleratorError])
def test_a_device_assert_is_found_on_the_cpu(kind, monkeypatch):
    space = {"kind": kind, "text": ASSERT}  # torch's own code, as far as its file says
    exec(compile("def assertion(*args, **kwargs):\n    raise kind(text)", torch.__file__, "exec"), space)
    assertion = space["assertion"]

    def train():
        outputs, labels = torch.randn(6, 3), torch.tensor([1, 2, 3, 1, 2, 3])
        with monkeypatch.context() as patch:
            patch.setattr(torch._C._nn, "cross_entropy_loss", assertion)
            F.cross_entropy(outputs, labels)

    crash = told(train)
    assert crash.error == kind.__name__ and "the labels in labels run from 1 to 3" in crash.why
    assert crash.mends[0].code == "F.cross_entropy(outputs, labels - 1)" and crash.mends[0].works


def test_an_assert_that_comes_late_is_found_in_the_model():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(10, 4)

        def forward(self, ids):
            h = self.table(ids.clamp(max=9) if raising else ids)
            if raising:
                raise RuntimeError(ASSERT)
            return h

    raising = True
    error = raised_by(lambda: Tokens()(torch.tensor([[1, 10]])))
    raising = False
    crash = explained(error)
    assert "go up to 10" in crash.why and "num_embeddings=11" in crash.mends[0].what


def test_an_assert_of_which_nothing_can_be_read():
    def train():
        raise RuntimeError(ASSERT)

    crash = told(train)
    assert "CUDA_LAUNCH_BLOCKING" in crash.mends[0].code and not crash.mends[0].works


# -- odd models ---------------------------------------------------------------------------------------------------


class Two(nn.Module):
    def __init__(self, run=lambda layer, x: layer(x)):
        super().__init__()
        self.one, self.two, self.run = nn.Linear(4, 5), nn.Linear(6, 2), run

    def forward(self, x):
        return self.run(self.two, self.one(x))


@pytest.mark.parametrize(
    "model",
    [
        lambda: Two(),
        lambda: Two(lambda layer, x: checkpoint(layer, x, use_reentrant=False)),
        lambda: torch.compile(Two(), backend="eager"),
        lambda: nn.DataParallel(Two()) if not torch.cuda.is_available() else Two(),
    ],
    ids=["plain", "checkpoint", "compiled", "data parallel"],
)
@pytest.mark.filterwarnings("ignore")
def test_the_module_is_named_whatever_runs_it(model):
    built = model()
    crash = told(lambda: built(torch.randn(3, 4)))
    assert crash.location.module.removeprefix("module.") == "two"
    assert "in_features=5" in crash.mends[0].what and crash.mends[0].works


def test_autocast_is_entered_again():
    model, weight = nn.Linear(4, 4), torch.randn(4, 2, dtype=torch.float64)

    def train():
        x = torch.randn(3, 4)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            h = model(x)
            y = torch.baddbmm(torch.zeros(1, 3, 2), h[None], weight[None, :3])
        return y  # noqa: RET504  the name is what is looked at

    crash = told(train)
    assert crash.line.endswith("weight[None, :3])") and crash.rerun


def test_two_statements_on_a_line_are_told_apart():
    def train():
        layer = nn.Linear(3, 2); y = layer(torch.randn(4, 3).double())  # noqa: E702
        return y  # noqa: RET504

    assert told(train).mends[0].code.endswith("layer(torch.randn(4, 3).double().float())") or "double()" in told(train).mends[0].code


def test_the_statement_that_raised_may_take_several_lines():
    def train():
        logits = torch.randn(6, 3)
        loss = F.cross_entropy(
            logits,
            torch.tensor([0.0, 1, 2, 0, 1, 2]),
        )
        return loss  # noqa: RET504  the name is what is looked at

    crash = told(train)
    assert "integers" in crash.mends[0].what and ".long()" in crash.mends[0].code and crash.mends[0].works


def test_many_runs_are_not_made_of_a_slow_step(monkeypatch):
    monkeypatch.setattr("nbdebug.crash.again.SECONDS", 0.0)
    monkeypatch.setattr("nbdebug.crash.again.ALWAYS", 0)
    crash = told(lambda: mlp()(torch.zeros(2, 1, 8, 8)))
    assert crash.mends and all(mend.tried.startswith("not tried: the 0 s for it are over") for mend in crash.mends)


# -- inside checkup -----------------------------------------------------------------------------------------------


def test_checkup_tells_as_much():
    inputs, targets = features()
    report = nbdebug.checkup(training(mlp(), data=(inputs.view(-1, 1, 8, 8), targets)))
    finding = next(f for f in report.findings if f.code == "ND312")
    alone = nbdebug.why(raised_by(lambda: mlp()(inputs[:32].view(-1, 1, 8, 8)))).result
    step = next(part for part in report.parts if part.instrument == "first_step").result
    assert "wants 64 in the last dimension" in finding.message and "flatten" in finding.advice and "it works" in finding.advice
    assert step.crash.why.partition(" wants ")[2] == alone.why.partition(" wants ")[2]
    assert report.proof is None or report.proof.changes == ()
    assert nbdebug.Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False))) == report
