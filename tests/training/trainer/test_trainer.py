"""What the trainer does with a setup: updates, precision, validation, wishes, and the weights it leaves."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.utils.data import DataLoader, TensorDataset

from nbdebug.errors import CheckpointError, SetupError
from nbdebug.training import checkpoint
from nbdebug.training.config import read_config
from nbdebug.training.folder import RunFolder
from nbdebug.training.rank.context import Context
from nbdebug.training.rank.inbox import Inbox
from nbdebug.training.trainer import assembly, train
from nbdebug.training.trainer.loading import Place
from nbdebug.training.trainer.loop import Loop
from nbdebug.training_setup import TrainingSetup
from tests.training.trainer import ranks


def linear(batch_size: int = 4, *, lr: float = 0.1, **parts: Any) -> TrainingSetup:
    """Nothing random, so that ways of computing the same can be compared."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(ranks.FEATURES, 8), nn.Tanh(), nn.Linear(8, 3))
    loaders = {"train_loader": DataLoader(ranks.data(), batch_size, shuffle=True), "val_loader": DataLoader(ranks.data(), 5)}
    return TrainingSetup(model, **{"loss_fn": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(model.parameters(), lr), **loaders, **parts})


def by_hand(setup: TrainingSetup, batch: Any) -> torch.Tensor:
    inputs, targets = batch
    return nn.functional.cross_entropy(setup.model[2](setup.model[1](setup.model[0](inputs))), targets)


def with_batch_loss() -> TrainingSetup:
    return dataclasses.replace(linear(), loss_fn=None, batch_loss=by_hand)


def by_lbfgs() -> TrainingSetup:
    setup = linear(53)
    return dataclasses.replace(setup, optimizer=torch.optim.LBFGS(setup.model.parameters(), lr=0.5, max_iter=4, line_search_fn="strong_wolfe"))


def close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)


@pytest.mark.parametrize("size, accumulate", [(4, 2), (4, 3), (2, 8)])
def test_accumulated_batches_are_one_big_batch(size: int, accumulate: int, tmp_path: Path) -> None:
    ranks.alone(partial(linear, size), tmp_path / "small", epochs=2, **{"training.accumulate": accumulate})
    ranks.alone(partial(linear, size * accumulate), tmp_path / "big", epochs=2)
    assert close(ranks.weights(tmp_path / "small"), ranks.weights(tmp_path / "big"))


@pytest.mark.parametrize("world_size, size", [(2, 4), (3, 4)])
def test_ranks_are_one_big_batch_also_at_uneven_ends(world_size: int, size: int, tmp_path: Path) -> None:
    ranks.together(world_size, partial(linear, size), tmp_path / "ranks", epochs=2)
    ranks.alone(partial(linear, size * world_size), tmp_path / "big", epochs=2)
    assert close(ranks.weights(tmp_path / "ranks"), ranks.weights(tmp_path / "big"))
    one, other = (ranks.said(path, "validation")[-1]["metrics"]["loss"] for path in (tmp_path / "ranks", tmp_path / "big"))
    assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.parametrize("make", [with_batch_loss, by_lbfgs])
def test_with_two_ranks_the_loss_of_any_setup_is_averaged(make: Any, tmp_path: Path) -> None:
    ranks.together(2, make, tmp_path / "ranks", epochs=2, **{"training.accumulate": 2})
    ranks.alone(make, tmp_path / "one", epochs=2, **{"training.accumulate": 4 if make is with_batch_loss else 1})
    if make is by_lbfgs:  # one block of 53 in both
        assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(ranks.weights(tmp_path / "ranks").values(), ranks.weights(tmp_path / "one").values(), strict=True))
    else:
        assert close(ranks.weights(tmp_path / "ranks"), ranks.weights(tmp_path / "one"))


def reduced(setup: TrainingSetup, context: Context) -> None:
    """Trains, and writes down how often gradients went from rank to rank."""
    wrap, buckets = context.wrap, list[Any]()

    def heard(state, bucket):  # type: ignore[no-untyped-def]  # torch looks at annotations, and does not know postponed ones
        buckets.append(bucket.index())
        return allreduce_hook(None, bucket)

    def listened_to(model: nn.Module, **told: Any) -> nn.Module:
        whole = wrap(model, **told)
        whole.register_comm_hook(None, heard)  # type: ignore[operator]
        return whole

    context.wrap = listened_to  # type: ignore[method-assign]
    train(setup, context)
    (context.folder.path / f"reduced-{context.rank}").write_text(str(len(buckets)))


def test_gradients_go_from_rank_to_rank_once_an_update(tmp_path: Path) -> None:
    ranks.together(2, linear, tmp_path, job=reduced, epochs=2, **{"training.accumulate": 3})
    updates = 2 * 3  # of seven batches an epoch
    assert [(tmp_path / f"reduced-{rank}").read_text() for rank in range(2)] == [str(updates)] * 2


def test_that_norms_of_ranks_are_not_shared_on_a_cpu_is_said_once(tmp_path: Path) -> None:
    ranks.together(2, ranks.normed, tmp_path, epochs=1, **{"training.sync_batch_norm": True})
    notes = [[event["text"] for event in ranks.said(tmp_path, "note", rank)] for rank in range(2)]
    assert sum("sync_batch_norm is for GPUs only" in note for note in notes[0]) == 1 and not any("sync_batch_norm" in note for note in notes[1])


def test_validation_is_the_mean_over_all_samples(tmp_path: Path) -> None:
    setup = linear()
    result = ranks.alone(lambda: setup, tmp_path / "run", epochs=1, **{"metrics": ["accuracy"]})
    inputs, targets = ranks.data().tensors
    outputs = setup.model(inputs)
    assert result["metrics"]["loss"] == pytest.approx(nn.functional.cross_entropy(outputs, targets).item(), rel=1e-6)
    assert result["metrics"]["accuracy"] == pytest.approx((outputs.argmax(1) == targets).float().mean().item())


def test_a_skipped_step_moves_neither_schedule_nor_average(tmp_path: Path) -> None:
    config = read_config(epochs=1, precision="16-mixed", scheduler={"type": "cosine"}, **{"training.ema": 0.5})
    context = Context.alone(config, tmp_path, precision="16-mixed")
    setup = linear(scaler=torch.amp.GradScaler("cpu", init_scale=2.0**24), precision="16-mixed")
    training = assembly.assembled(setup, context)
    loop, start = Loop(training, context), [p.detach().clone() for p in setup.model.parameters()]
    deliveries = training.data.epoch(Place())
    while training.schedules[0].steps == 0:
        training.updates.take(next(deliveries))
        loop._update()
        if training.schedules[0].steps == 0:
            assert training.averaged.count == 0 and all(torch.equal(p, q) for p, q in zip(setup.model.parameters(), start, strict=True))
    assert loop.step > 1 and training.averaged.count == 1


def test_the_scale_does_not_change_what_is_clipped(tmp_path: Path) -> None:
    for scale in (1.0, 2.0**10):
        make = partial(linear, scaler=torch.amp.GradScaler("cpu", init_scale=scale), precision="16-mixed")
        ranks.alone(make, tmp_path / str(scale), max_steps=5, **{"training.clip_norm": 0.01, "log.gradient_norm": True, "log.every_steps": 1})
    norms = [[event["metrics"]["gradient_norm"] for event in ranks.said(tmp_path / str(scale), "metric")] for scale in (1.0, 2.0**10)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-2)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(ranks.weights(tmp_path / "1.0").values(), ranks.weights(tmp_path / "1024.0").values(), strict=True))


def test_averaged_weights_are_left_and_the_raw_ones_beside_them(tmp_path: Path) -> None:
    setup = linear()
    ranks.alone(lambda: setup, tmp_path, epochs=1, **{"training.ema": 0.9})
    raw = torch.load(tmp_path / "weights-raw.pt", weights_only=True)
    ranks.assert_equal(raw, setup.model.state_dict())
    assert not torch.equal(raw["0.weight"], ranks.weights(tmp_path)["0.weight"])


def test_tied_weights_stay_tied_and_parts_in_eval_mode_stay_so(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(6, 6), nn.Linear(6, 6)
            self.other.weight, self.norm = self.one.weight, nn.BatchNorm1d(6).eval()

        def forward(self, x: Any) -> Any:
            return self.other(self.norm(self.one(x)).relu())

    model = Tied()
    ranks.alone(lambda: linear_of(model), tmp_path, epochs=1)
    found = ranks.weights(tmp_path)
    assert found["one.weight"].data_ptr() == found["other.weight"].data_ptr()
    assert model.training and not model.norm.training and int(model.norm.num_batches_tracked) == 0


def linear_of(model: nn.Module, **parts: Any) -> TrainingSetup:
    return TrainingSetup(model, **{"loss_fn": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(model.parameters(), 0.1), "train_loader": DataLoader(ranks.data(), 4), **parts})


def test_several_optimizers_and_a_model_that_makes_its_own_loss(tmp_path: Path) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(6, 4), nn.Linear(4, 3)

        def forward(self, x: Any, labels: Any) -> Any:
            return {"loss": nn.functional.cross_entropy(self.head(self.body(x).relu()), labels)}

    model = Own()
    before = {name: p.clone() for name, p in model.named_parameters()}
    batches = [{"x": x[None], "labels": y[None]} for x, y in ranks.data()]
    optimizers = [torch.optim.SGD(model.body.parameters(), 0.1), torch.optim.Adam(model.head.parameters())]
    result = ranks.alone(lambda: linear_of(model, loss_fn=None, optimizer=optimizers, train_loader=batches), tmp_path, max_steps=60)
    assert result["step"] == 60 and result["epoch"] == 1 and result["ended"] == "max_steps"
    assert all(not torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_one_step_of_everything(tmp_path: Path) -> None:
    result = ranks.alone(linear, tmp_path, epochs=5, fast_dev_run=True)
    assert result["step"] == 1 and set(result["metrics"]) == {"loss"} and len(list((tmp_path / "checkpoints").iterdir())) == 1


def test_stopped_early(tmp_path: Path) -> None:
    result = ranks.alone(partial(linear, lr=0.0), tmp_path, epochs=9, **{"training.early_stopping": 2})
    assert result["ended"] == "early_stopping" and result["epoch"] == 3
    assert "not better in 2 validations" in ranks.said(tmp_path, "note")[0]["text"]


class Wishing(Inbox):
    """The kernel asks after so many agreements."""

    def __init__(self, kind: str, after: int) -> None:
        super().__init__()
        self.kind, self.left = kind, after

    @property
    def heard(self) -> Any:
        self.left -= 1
        if self.left == 0:
            self.take({"k": self.kind, "reason": "enough"})
        return super().heard


@pytest.mark.parametrize("after", [5, 14, 16])  # in the first epoch; its last step; in the validation after it
def test_stopped_by_the_kernel_and_gone_on_with(after: int, tmp_path: Path) -> None:
    told = {"epochs": 3, "training.ema": 0.9}
    ranks.alone(ranks.scheduled, tmp_path / "whole", **told)
    (tmp_path / "begun").mkdir()
    context = Context.alone(read_config(**told), tmp_path / "begun", inbox=Wishing("stop", after))
    result = train(ranks.scheduled(), context)
    assert result["ended"] == "enough" and result["step"] == min(after, 14) and RunFolder(tmp_path / "begun").weights.exists()
    kept = checkpoint.newest(RunFolder(tmp_path / "begun"))
    assert kept.step == result["step"]
    ranks.alone(ranks.scheduled, tmp_path / "rest", resume=kept.path, **told)
    ranks.assert_equal(ranks.weights(tmp_path / "whole"), ranks.weights(tmp_path / "rest"))


def test_a_checkpoint_that_is_wished_is_written(tmp_path: Path) -> None:
    train(linear(), Context.alone(read_config(epochs=1), tmp_path, inbox=Wishing("checkpoint_now", 4)))
    assert [(event["step"], event["why"]) for event in ranks.said(tmp_path, "checkpoint")] == [(4, "wished"), (14, "every_epochs")]


def test_a_checkpoint_that_cannot_be_written_is_told_and_the_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> Any:
        raise CheckpointError("the checkpoint of step 14 was not written: No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    assert ranks.alone(linear, tmp_path, epochs=1)["ended"] == "epochs"
    assert "No space left on device; the training goes on" in ranks.said(tmp_path, "note")[0]["text"]


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    ranks.alone(linear, tmp_path / "one", epochs=1)
    path = checkpoint.newest(RunFolder(tmp_path / "one")).path
    with pytest.raises(CheckpointError, match="not of this Sequential.*size mismatch|not of this Sequential"):
        ranks.alone(ranks.plain, tmp_path / "other", resume=path, epochs=2)
    with pytest.raises(CheckpointError, match="has no averaged"):
        ranks.alone(linear, tmp_path / "third", resume=path, epochs=2, **{"training.ema": 0.9})


@pytest.mark.parametrize("setup, message", [
    (partial(linear, train_loader=[]), "train_loader is empty"),
    (partial(linear, train_loader=None), "no data to train on"),
    (partial(linear, precision="bf16-true"), "precision is bf16-true, and the model's weights are float32"),
])  # fmt: skip
def test_what_is_missing_is_said(setup: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=message):
        ranks.alone(setup, tmp_path, epochs=1)


def test_a_loader_that_does_not_know_its_length(tmp_path: Path) -> None:
    class Unsized:
        def __iter__(self) -> Any:
            return iter(DataLoader(ranks.data(), 4))

    assert ranks.alone(partial(linear, train_loader=Unsized()), tmp_path, epochs=2)["step"] == 28


def test_what_an_optimizer_holds_beside_the_model_is_trained_and_kept(tmp_path: Path) -> None:
    extra = nn.Parameter(torch.ones(3))

    def make() -> TrainingSetup:
        with torch.no_grad():
            extra.fill_(1.0)
        setup = linear()
        return dataclasses.replace(setup, optimizer=torch.optim.SGD([*setup.model.parameters(), extra], 0.1), loss_fn=lambda out, y: nn.functional.cross_entropy(out * extra, y))

    ranks.alone(make, tmp_path / "whole", epochs=2)
    trained = extra.detach().clone()
    ranks.alone(make, tmp_path / "rest", resume=sorted(RunFolder(tmp_path / "whole").checkpoints.iterdir())[0], epochs=2)
    assert torch.equal(trained, extra) and not torch.equal(trained, torch.ones(3))


def test_it_learns(tmp_path: Path) -> None:
    data = ranks.data()
    setup = linear_of(ranks.net(), optimizer=None, train_loader=DataLoader(TensorDataset(*data.tensors), 8, shuffle=True), val_loader=DataLoader(data, 53))
    result = ranks.alone(lambda: setup, tmp_path, epochs=40, **{"optimizer": {"type": "adamw", "lr": 0.02}, "scheduler": "onecycle", "metrics": ["accuracy"]})
    assert result["metrics"]["accuracy"] > 0.9
