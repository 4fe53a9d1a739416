"""`%nbdebug replay FILE` in a real kernel: the step of another process, found by the names of the notebook's variables."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nbdebug.nonfinite.kept.capsule import write
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.snapshot import Snapshot
from tests.notebook.conftest import Kernel, Run

CELL = """
class Roots(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.scale, self.head = nn.Dropout(), nn.Parameter(torch.ones(4)), nn.Linear(4, 3)

    def forward(self, x):
        size = (x * self.scale).sqrt()
        return self.head(self.drop(size))
"""
TRAINING = f"""{CELL}
net = Roots()
opt = torch.optim.Adam(net.parameters())
criterion = nn.CrossEntropyLoss()
"""


class Roots(nn.Module):
    """The same as in the cell."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.scale, self.head = nn.Dropout(), nn.Parameter(torch.ones(4)), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        size = (x * self.scale).sqrt()
        return self.head(self.drop(size))


@pytest.fixture
def path(tmp_path: Path) -> str:
    model, batch = Roots(), (torch.rand(6, 4), torch.arange(6) % 3)
    optimizer = torch.optim.Adam(model.parameters())
    batch[0][1] = 0
    snapshot = Snapshot.take([model], [optimizer], batch=batch)
    loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
    loss.backward()
    return write(tmp_path, Parts({"net": model}, (optimizer,)), snapshot, step=5, origin=None, loss=loss)


def told(run: Run) -> str:
    return run.stderr + run.traceback


def test_the_step_is_run_again_and_the_cells_line_is_named(fresh: Kernel, path: str) -> None:
    cell = fresh.run(TRAINING).number
    run = fresh.run(f"report = %nbdebug replay {path}")
    assert run.status == "ok", run.traceback
    assert "setup = nbdebug.TrainingSetup(model=net, loss_fn=criterion, optimizer=opt, precision='32-true')" in run.stdout
    assert f"nbdebug.replay({path!r}, setup)" in run.stdout
    assert len(run.pictures) == 1 and "Reproduced bit for bit" in run.pictures[0]
    said = fresh.run("print([f.code for f in report.findings], report.findings[0].location, net.scale.grad)")
    assert said.stdout.startswith(f"['ND504'] Cell In[{cell}], line 8") and said.stdout.rstrip().endswith("None")


def test_roles_can_be_said(fresh: Kernel, path: str) -> None:
    fresh.run(TRAINING + "other = nn.Linear(2, 2)\nopt_of_other = torch.optim.SGD(other.parameters())")
    assert "there is no variable 'nett'" in told(fresh.run(f"%nbdebug replay {path} model=nett"))
    run = fresh.run(f"%nbdebug replay {path} model=net")
    assert run.status == "ok" and "Reproduced bit for bit" in run.pictures[0]


@pytest.mark.parametrize(
    "line, said",
    [
        ("%nbdebug replay", "needs a file, such as %nbdebug replay step-1234.nbd"),
        ("%nbdebug replay a.nbd b.nbd", "does not know what to do with 'b.nbd'"),
        ("%nbdebug replay none.nbd", "there is no file none.nbd"),
    ],
)
def test_a_wrong_line_gets_a_sentence(fresh: Kernel, line: str, said: str) -> None:
    fresh.run(TRAINING)
    run = fresh.run(line)
    assert run.status == "error" and said in told(run) and "Traceback" not in told(run)


def test_files_and_roles_are_completed(fresh: Kernel, path: str) -> None:
    folder = path.rpartition("/")[0]
    assert fresh.complete(f"%nbdebug replay {folder}/st") == [f"%nbdebug replay {path}"]
    fresh.run(TRAINING)
    assert f"%nbdebug replay {path} model=net" in fresh.complete(f"%nbdebug replay {path} model=")


def test_its_help(fresh: Kernel) -> None:
    said = fresh.run("%nbdebug replay?").stdout
    assert said.startswith("%nbdebug replay FILE [role=variable …]") and "batch_loss" in said


LOOP = """
for inputs, targets in loader:
    steps.append(len(inputs))
    opt.zero_grad()
    loss = criterion(net(inputs), targets) * 2
    loss.backward()
    opt.step()
"""
LOADER = """
loader, steps = torch.utils.data.DataLoader([(torch.rand(4), 0)] * 12, batch_size=4), []
before = net.scale.detach().clone()
"""


@pytest.fixture
def doubled(tmp_path: Path) -> str:
    """The step of a loop that doubles its loss, which no loss_fn says."""
    model, batch = Roots(), (torch.rand(6, 4), torch.arange(6) % 3)
    optimizer = torch.optim.Adam(model.parameters())
    batch[0][1] = 0
    snapshot = Snapshot.take([model], [optimizer], batch=batch)
    loss = nn.functional.cross_entropy(model(batch[0]), batch[1]) * 2
    loss.backward()
    return write(tmp_path, Parts({"model": model}, (optimizer,)), snapshot, step=5, origin=None, loss=loss, of="loop")


def test_over_the_loop_it_is_the_first_step_and_the_last(fresh: Kernel, doubled: str) -> None:
    fresh.run(TRAINING + LOADER)
    run = fresh.run(f"%%nbdebug replay {doubled}{LOOP}")
    assert run.error == "NotFinite" and "with nbdebug.replaying(path=" in run.stdout
    assert "Reproduced bit for bit: loss" in run.pictures[0] and "ND504" in run.pictures[0]
    assert fresh.run("print(steps, torch.equal(before, net.scale), opt.state == {}, net.scale.grad)").stdout == "[6] True True None\n"
    assert fresh.run(LOOP + "print(steps)").stdout == "[6, 4, 4, 4]\n"


def test_a_loop_without_a_loader_is_told(fresh: Kernel, doubled: str) -> None:
    fresh.run(TRAINING)
    run = fresh.run(f"%%nbdebug replay {doubled}\nnet(torch.rand(2, 4)).sum().backward()")
    assert "took no batch from a DataLoader" in run.stdout and run.pictures == []
    assert "needs a file" in told(fresh.run("%%nbdebug replay\n1"))


REPAIRED = TRAINING.replace("(x * self.scale)", "(x * self.scale).clamp(min=1e-6)")


def test_a_repaired_model_is_good_news(fresh: Kernel, path: str, doubled: str) -> None:
    fresh.run(REPAIRED + LOADER)
    run = fresh.run(f"report = %nbdebug replay {path}")
    assert run.status == "ok" and "The failing step is finite now: loss " in run.pictures[0] and "Not the same as there" in run.pictures[0]
    assert fresh.run("print(report.findings)").stdout == "()\n"
    run = fresh.run(f"%%nbdebug replay {doubled}{LOOP}")
    assert run.status == "ok" and "The failing step is finite now: loss " in run.pictures[0]
    assert fresh.run("print(opt.state == {}, torch.equal(before, net.scale))").stdout == "True True\n"


def test_the_random_state_is_given_back_and_the_step_has_its_number(fresh: Kernel, doubled: str) -> None:
    fresh.run(TRAINING + LOADER + "r = torch.get_rng_state()")
    run = fresh.run(f"%%nbdebug replay {doubled}{LOOP}")
    assert run.error == "NotFinite" and "step 5:" in told(run) and "step 0" not in told(run)
    assert fresh.run("print(torch.equal(r, torch.get_rng_state()))").stdout == "True\n"


def test_a_scaler_that_lies_about_is_said_in_words_of_the_line(fresh: Kernel, path: str, doubled: str) -> None:
    fresh.run(TRAINING + LOADER + "scaler = torch.amp.GradScaler('cpu')")
    run = fresh.run(f"%nbdebug replay {path}")
    assert "trained without a GradScaler: write scaler=None on the line" in told(run) and "Traceback" not in told(run)
    run = fresh.run(f"%nbdebug replay {path} scaler=None")
    assert run.status == "ok" and "ND504" in run.pictures[0], told(run)
    assert "ND504" in fresh.run(f"%%nbdebug replay {doubled}{LOOP}").pictures[0]
