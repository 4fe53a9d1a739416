"""A failing step is kept by one process and run again by another: the same bits, the same place; and what does not fit is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import nbdebug
from nbdebug.errors import CapsuleError, SetupError
from nbdebug.nonfinite.kept.capsule import read, write
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.trace.step import Trace
from nbdebug.page import Note
from tests import replay_trainings as trainings

SCRIPT = Path(trainings.__file__)
GUILTY = {  # case → code, phase, what the guilty line ends with
    "sequences": ("ND504", "backward", "# guilty of the infinite derivative"),
    "shares": ("ND308", "forward", "# guilty of the division"),
    "two_optimizers": ("ND308", "forward", "# guilty of the division"),
    "scaled": ("ND308", "forward", "# guilty of the division"),
    "scaled_gradients": ("ND504", "backward", "# guilty of the infinite derivative"),
    "bfloat": ("ND504", "backward", "# guilty of the infinite derivative"),
    "eps_is_zero": ("ND709", "optimizer", ""),
}


def run(deed: str, directory: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parent.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, str(SCRIPT), deed, str(directory)], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("capsules")
    run("write", directory)
    return directory


@pytest.fixture(scope="module")
def elsewhere(kept: Path) -> dict[str, Any]:
    return json.loads(run("read", kept))


def test_every_case_is_looked_at() -> None:
    assert GUILTY.keys() == trainings.CASES.keys()


@pytest.mark.parametrize("case", GUILTY)
def test_another_process_gets_the_same_bits(case: str, kept: Path, elsewhere: dict[str, Any]) -> None:
    seen, capsule = elsewhere[case], read(kept / case / f"step-{trainings.FAILS_AT}.nbd")
    compared = {pair["what"]: (pair["then"], pair["now"]) for pair in seen["compared"]}
    assert seen["same"] and all(then == now for then, now in compared.values()), compared
    assert {"loss", "where it is born", "numbers that met there"} <= compared.keys()
    if capsule.tripped != "loss":
        assert compared["gradients (sha256)"] == (capsule.fingerprint.gradients,) * 2 and len(capsule.fingerprint.gradients) == 64
        assert capsule.loss != "nan"
    assert ("weights after the update (sha256)" in compared) == (case == "eps_is_zero")
    assert "Reproduced bit for bit" in seen["text"]


@pytest.mark.parametrize("case", GUILTY)
def test_and_finds_the_same_line(case: str, elsewhere: dict[str, Any]) -> None:
    seen, (code, phase, line) = elsewhere[case], GUILTY[case]
    assert seen["codes"] == [code]
    assert seen["origin"]["phase"] == phase and seen["origin"]["text"].endswith(line)
    assert (seen["origin"]["line"] is not None) == bool(line)


@pytest.mark.parametrize("case", GUILTY)
def test_and_leaves_the_session_as_it_was(case: str, elsewhere: dict[str, Any]) -> None:
    assert elsewhere[case]["changes"] == [] and elsewhere[case]["stopped"] == ""


# -- in this process --------------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self, hidden: int = 8) -> None:
        super().__init__()
        self.body, self.drop, self.head = nn.Linear(4, hidden), nn.Dropout(), nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.body(x).relu()))


def own_loss(model: nn.Module, batch: Any) -> Tensor:
    """A loss that no loss_fn(model(inputs), targets) is."""
    return (model(batch["x"]) - batch["wanted"]).square().sum(1).sqrt().mean()


def kept_loop(directory: Path, *, bad: bool = True, batch: Any = None) -> str:
    """A step of a loop of the user's own, in which predictions and targets are the same at one sample."""
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with torch.no_grad():
        model.head.weight.zero_()
    batch = batch or {"x": torch.randn(6, 4), "wanted": torch.zeros(6, 1)}
    if bad:
        batch["wanted"][2] = model.head.bias.detach()
    snapshot = Snapshot.take([model], [optimizer], batch=batch)
    loss = own_loss(model, batch)
    loss.backward()
    texts = {"Cell In[4]": "for batch in batches:\n    loss = own_loss(model, batch)"}
    return write(directory, Parts({"model": model}, (optimizer,)), snapshot, step=9, origin=None, loss=loss, of="loop", texts=texts)


def training() -> tuple[nn.Module, torch.optim.Optimizer]:
    model = Net()
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def test_a_loop_of_its_own_says_how_to_go_on(tmp_path: Path) -> None:
    path = kept_loop(tmp_path)
    model, optimizer = training()
    with pytest.raises(SetupError, match="batch_loss=lambda setup, batch") as raised:
        nbdebug.replay(path)
    assert "Cell In[4], as it was:\nfor batch in batches:" in str(raised.value)
    report = nbdebug.replay(path, batch_loss=lambda setup, batch: own_loss(setup.model, batch))
    assert report.result.reproduced and [f.code for f in report.findings] == ["ND504"]
    setup = nbdebug.TrainingSetup(model, optimizer=optimizer, batch_loss=lambda setup, batch: own_loss(setup.model, batch))
    assert nbdebug.replay(path, setup).result.reproduced


def test_a_loop_under_autocast(tmp_path: Path) -> None:
    model, optimizer = training()
    batch, criterion = (torch.randn(6, 4), torch.zeros(6, 1)), nn.MSELoss()
    snapshot = Snapshot.take([model], [optimizer], batch=batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = criterion(model(batch[0]), batch[1])
    loss.backward()
    path = write(tmp_path, Parts({"model": model}, (optimizer,)), snapshot, step=9, origin=None, loss=loss, of="loop")
    report = nbdebug.replay(path)
    assert report.result.reproduced and "bf16-mixed" in report.subject and nbdebug.last_report() is report
    assert not nbdebug.replay(path, nbdebug.TrainingSetup(model, criterion, optimizer)).result.reproduced


def test_another_loss_is_no_reproduction_and_shows_the_loop(tmp_path: Path) -> None:
    path = kept_loop(tmp_path)
    model, optimizer = training()
    setup = nbdebug.TrainingSetup(model, optimizer=optimizer, batch_loss=lambda setup, batch: setup.model(batch["x"]).mean())
    report = nbdebug.replay(path, setup)
    assert not report.result.reproduced and "Not the same: loss" in str(report)
    assert any(panel.kind == "code" and "own_loss" in panel.text for panel in report.result.panels() if isinstance(panel, Note))


def test_what_is_different_around_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept_loop(tmp_path)
    model, _ = training()
    monkeypatch.setattr(torch, "__version__", "2.6.0")
    setup = nbdebug.TrainingSetup(model, batch_loss=lambda setup, batch: own_loss(setup.model, batch), precision="bf16-mixed")
    report = nbdebug.replay(path, setup)
    told = {pair.what: pair.now for pair in report.result.surroundings}
    assert told["torch"] == "2.6.0" and told["precision"] == "bf16-mixed"


def test_random_states_of_a_device_that_is_not_here_are_told(tmp_path: Path) -> None:
    path = kept_loop(tmp_path)
    content = torch.load(path, weights_only=True)
    content["random"]["pairs"].append(["random state: CUDA", [torch.zeros(16, dtype=torch.uint8)]])
    torch.save(content, path)
    model, _ = training()
    report = nbdebug.replay(path, nbdebug.TrainingSetup(model, batch_loss=lambda setup, batch: own_loss(setup.model, batch)))
    assert report.result.reproduced
    assert report.result.limits == ("random state: CUDA cannot be put back here: what the step drew from it will differ",)


def test_gradients_that_an_armed_loop_did_not_copy(tmp_path: Path) -> None:
    model, _ = training()
    batch, criterion = (torch.randn(6, 4), torch.zeros(6, 1)), nn.MSELoss()
    criterion(model(batch[0]), batch[1]).backward()
    snapshot = Snapshot.take([model], batch=batch, weights=False)
    loss = criterion(model(batch[0]), batch[1])
    loss.backward()
    path = write(tmp_path, Parts({"model": model}), snapshot, step=2, origin=None, loss=loss, of="loop")
    report = nbdebug.replay(path)
    assert not report.result.reproduced and "may have added to the gradients of earlier steps" in " ".join(str(report).split())


def test_a_changed_model_is_named(tmp_path: Path) -> None:
    path = kept_loop(tmp_path)
    model = Net(hidden=9)
    with pytest.raises(SetupError, match=r"body\.weight is \(8, 4\) in the capsule and \(9, 4\) here"):
        nbdebug.replay(path, batch_loss=lambda setup, batch: own_loss(setup.model, batch))
    del model


def test_nothing_to_be_found_and_nothing_to_read(tmp_path: Path) -> None:
    path = kept_loop(tmp_path)
    with pytest.raises(SetupError, match="no model was found"):
        nbdebug.replay(path)
    with pytest.raises(CapsuleError, match="there is no file"):
        nbdebug.replay(tmp_path / "none.nbd")


def test_the_stored_origin_stands_beside(tmp_path: Path) -> None:
    model, optimizer = training()
    batch = (torch.randn(6, 4), torch.full((6, 1), float("nan")))
    snapshot = Snapshot.take([model], [optimizer], batch=batch)
    criterion = nn.MSELoss()
    with Trace([model], batch=batch) as trace:
        loss = criterion(model(batch[0]), batch[1])
        loss.backward()
    parts = Parts({"model": model}, (optimizer,), loss_fn=criterion)
    path = write(tmp_path, parts, snapshot, step=2, origin=trace.origin(2), loss=loss)
    report = nbdebug.replay(path)
    assert report.result.stored.phase == report.result.origin.phase == "data" and report.result.reproduced
    assert [f.code for f in report.findings] == ["ND101"]
    again = nbdebug.Report.from_dict(report.to_dict())
    assert again.result == report.result


def test_a_step_that_is_finite_here_is_no_finding(tmp_path: Path) -> None:
    path = kept_loop(tmp_path, bad=False, batch={"x": torch.randn(6, 4), "wanted": torch.ones(6, 1)})
    model, _ = training()
    report = nbdebug.replay(path, batch_loss=lambda setup, batch: own_loss(setup.model, batch))
    assert report.findings == () and report.result.reproduced and report.result.origin is None
    assert model.training


class Share(nn.Module):
    """Divides by what may be 0; repaired it does not."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.head, self.least = nn.Linear(4, 2), least

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x / x.sum(1, keepdim=True).clamp(min=self.least))


def failed_share(directory: Path, of: str) -> str:
    model, batch = Share(0.0), (torch.rand(6, 4), torch.arange(6) % 2)
    batch[0][2] = 0
    optimizer, criterion = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    snapshot = Snapshot.take([model], [optimizer], batch=batch)
    with Trace([model], batch=batch) as trace:
        loss = criterion(model(batch[0]), batch[1])
        loss.backward()
    texts = {"Cell In[4]": "the loop"}
    return write(directory, Parts({"model": model}, (optimizer,)), snapshot, step=8, origin=trace.origin(8), loss=loss, of=of, texts=texts)


@pytest.mark.parametrize("of", ["setup", "loop"])
def test_a_repaired_model_is_good_news(tmp_path: Path, of: str) -> None:
    path = failed_share(tmp_path, of)
    model, criterion = Share(1e-6), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    report = nbdebug.replay(path)
    first = report.result.panels()[0].text
    assert first.startswith("The failing step is finite now: loss 0.") and " where it was nan. Not the same as there" in first
    assert report.findings == () and not report.result.sources and "loop of its own" not in str(report)
    assert nbdebug.replay(path, nbdebug.TrainingSetup(Share(0.0), criterion)).result.mended == "" and optimizer is not None


def test_a_loss_that_may_be_another_is_told_beside_the_good_news(tmp_path: Path) -> None:
    path = kept_loop(tmp_path)
    model, _ = training()
    report = nbdebug.replay(path, nbdebug.TrainingSetup(model, batch_loss=lambda setup, batch: setup.model(batch["x"]).square().mean() + 1))
    first = report.result.panels()[0].text
    assert first.startswith("The failing step is finite now: loss 1") and "Whether this is the loss of the loop" in first


def test_a_step_that_failed_before_any_optimizer_made_one(tmp_path: Path) -> None:
    model, batch = Share(0.0), (torch.zeros(6, 4), torch.arange(6) % 2)
    snapshot = Snapshot.take([model], batch=batch)
    path = write(tmp_path, Parts({"model": model}), snapshot, step=0, origin=None, loss=torch.tensor(float("nan")), of="loop")
    setup = nbdebug.TrainingSetup(Share(1e-6), nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1))
    assert nbdebug.replay(path, setup).result.mended.startswith("The failing step is finite now")


def test_gradients_that_were_there_before_are_added_to(tmp_path: Path) -> None:
    model, optimizer = training()
    batch, criterion = (torch.randn(6, 4), torch.zeros(6, 1)), nn.MSELoss()
    criterion(model(batch[0]), batch[1]).backward()
    snapshot = Snapshot.take([model], [optimizer], batch=batch)
    loss = criterion(model(batch[0]), batch[1])
    loss.backward()
    path = write(tmp_path, Parts({"model": model}, (optimizer,)), snapshot, step=2, origin=None, loss=loss)
    optimizer.zero_grad()
    assert nbdebug.replay(path).result.reproduced


def test_a_capsule_that_was_read_can_be_given(tmp_path: Path) -> None:
    capsule = read(kept_loop(tmp_path))
    model, _ = training()
    for _ in range(2):
        assert nbdebug.replay(capsule, batch_loss=lambda setup, batch: own_loss(setup.model, batch)).result.reproduced
    assert model is not None


# -- over a loop of one's own -----------------------------------------------------------------------------------------


class Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x).sqrt()  # guilty


def gan() -> tuple[nn.Module, nn.Module, torch.optim.Optimizer, torch.optim.Optimizer]:
    generator, critic = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), Critic()
    return generator, critic, torch.optim.Adam(generator.parameters()), torch.optim.SGD(critic.parameters(), lr=0.1)


def gan_loop(generator: nn.Module, critic: nn.Module, of_generator: Any, of_critic: Any, loader: Any) -> list[int]:
    sizes = []
    for noise in loader:
        sizes.append(len(noise))
        loss = critic(generator(noise)).mean()
        loss.backward()
        of_critic.step()
        of_generator.step()
    return sizes


def test_two_models_of_a_loop(tmp_path: Path) -> None:
    made = gan()
    with torch.no_grad():
        made[1].head.bias.fill_(-5.0)
    snapshot = Snapshot.take(made[:2], made[2:], batch=torch.randn(7, 3))
    loss = made[1](made[0](snapshot.batch)).mean()
    parts = Parts({"critic": made[1], "generator": made[0]}, made[2:][::-1])
    path = write(tmp_path, parts, snapshot, step=3, origin=None, loss=loss, of="loop")
    others = gan()
    before = [p.detach().clone() for model in others[:2] for p in model.parameters()]
    loader = torch.utils.data.DataLoader(torch.zeros(8, 3), batch_size=4)
    with nbdebug.replaying(path) as again:
        gan_loop(*others, loader)
    report = again.report()
    assert report.result.reproduced and [f.code for f in report.findings] == ["ND308"] and report.findings[0].location.line
    assert all(torch.equal(p, b) for p, b in zip([p for model in others[:2] for p in model.parameters()], before, strict=True))
    assert gan_loop(*others, loader) == [4, 4]
    with pytest.raises(SetupError, match="several models"):
        generator, critic = others[:2]
        nbdebug.replay(path, nbdebug.TrainingSetup(generator, batch_loss=lambda setup, batch: critic(setup.model(batch)).mean()))
    with pytest.raises(SetupError, match="no model of the name critic"), nbdebug.replaying(path):
        [batch for batch in loader]


def test_a_step_that_is_finite_ends_the_loop(tmp_path: Path) -> None:
    path = kept_loop(tmp_path, bad=False, batch={"x": torch.randn(6, 4), "wanted": torch.ones(6, 1)})
    model, optimizer = training()
    loader, seen = torch.utils.data.DataLoader([{"x": torch.zeros(4), "wanted": torch.ones(1)}] * 8, batch_size=4), []
    with nbdebug.replaying(path) as again:
        for batch in loader:
            seen.append(batch["x"])
            optimizer.zero_grad()
            own_loss(model, batch).backward()
            optimizer.step()
    report = again.report()
    assert len(seen) == 1 and len(seen[0]) == 6 and report.findings == () and report.result.reproduced
    assert not optimizer.state and model.head.weight.grad is None


def test_a_repaired_loop_is_good_news_and_draws_nothing(tmp_path: Path) -> None:
    path = kept_loop(tmp_path)
    model, optimizer = training()
    loader = torch.utils.data.DataLoader([{"x": torch.zeros(4), "wanted": torch.ones(1)}] * 8, batch_size=4, shuffle=True)
    before = torch.get_rng_state()
    with nbdebug.replaying(path) as again:
        for batch in loader:
            (own_loss(model, batch | {"wanted": batch["wanted"] + 1})).backward()
            optimizer.step()
    report = again.report()
    assert report.result.mended.startswith("The failing step is finite now") and report.findings == ()
    assert torch.equal(before, torch.get_rng_state())


def test_another_error_of_the_loop_goes_on(tmp_path: Path) -> None:
    path = kept_loop(tmp_path)
    model, optimizer = training()
    with pytest.raises(KeyError), nbdebug.replaying(path):
        for batch in torch.utils.data.DataLoader([{"x": torch.zeros(4)}] * 2):
            own_loss(model, batch | {"x": batch["nothing"]}).backward()
    assert torch.utils.data.dataloader._BaseDataLoaderIter.__next__.__name__ == "__next__" and optimizer is not None
    assert len(list(torch.utils.data.DataLoader(range(3)))) == 3


def test_an_update_that_asks_for_the_loss_is_told(tmp_path: Path) -> None:
    model = Net()
    optimizer = torch.optim.LBFGS(model.parameters())
    batch, criterion = (torch.randn(6, 4), torch.zeros(6, 1)), nn.MSELoss()
    snapshot = Snapshot.take([model], [optimizer], batch=batch)
    loss = criterion(model(batch[0]), batch[1])
    loss.backward()
    path = write(tmp_path, Parts({"model": model}, (optimizer,)), snapshot, step=2, origin=None, loss=loss, tripped="weights")
    report = nbdebug.replay(path)
    assert report.result.reproduced and "LBFGS asks for the loss several times" in report.result.limits[0]
