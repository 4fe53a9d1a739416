"""A run as the user has it in hand."""

from __future__ import annotations

import copy
import hashlib
import threading
import time

import psutil
import pytest
import torch
from torch import nn

import nbdebug
from nbdebug.errors import LaunchError, RankFailed
from nbdebug.training.launching import launch
from tests.training.conftest import demand_within, slowed, wait_for
from tests.training.run import trainings

LONG = 10**7  # steps


def going(job=trainings.steps, *args, **options):
    run = launch(job, *(args or ((LONG,) if job is trainings.steps else ())), **{"num_processes": 2, **options})
    wait_for(lambda: (run.state == "running" and run.step > 2) or run.ended)
    assert not run.ended, run
    return run


def test_trained_weights_land_in_the_users_own_model():
    setup = trainings.setup()
    model = setup.model
    model.second.eval()
    called = []
    model.head.register_forward_hook(lambda *_: called.append(1))
    before = {name: (id(t), t.data_ptr(), t.detach().clone()) for name, t in [*model.named_parameters(), *model.named_buffers()]}
    optimizer = setup.optimizer
    run = launch(setup, num_processes=2, epochs=2).wait(240)
    assert run.state == "done" and run.model is model
    written = torch.load(run.folder.weights, weights_only=True)
    for name, value in model.state_dict().items():
        assert _sha(value) == _sha(written[name]), name
    for name, t in [*model.named_parameters(), *model.named_buffers()]:
        assert (id(t), t.data_ptr()) == before[name][:2], name
    assert model.second.weight is model.first.weight
    assert not torch.equal(model.head.weight, before["head.weight"][2]) and not torch.equal(model.norm.running_mean, before["norm.running_mean"][2])
    assert torch.equal(model.head.bias, before["head.bias"][2]) and not model.head.bias.requires_grad
    assert model.training and model.norm.training and not model.second.training
    assert optimizer.param_groups[0]["params"][0] is model.first.weight
    model(torch.randn(4, 4))
    assert called


def _sha(tensor):
    return hashlib.sha256(tensor.detach().contiguous().numpy().tobytes()).hexdigest()


def test_ranks_do_not_alias_the_kernels_memory():
    setup = trainings.setup()
    before = copy.deepcopy(setup.model.state_dict())
    run = launch(setup, num_processes=2, epochs=2)
    wait_for(lambda: run.ended)
    assert all(torch.equal(value, before[name]) for name, value in setup.model.state_dict().items())  # until somebody asks for them
    assert not any(p.is_shared() for p in setup.model.parameters())


def test_weights_of_another_model_are_refused_and_nothing_is_changed():
    run = launch(trainings.setup(), epochs=1).wait(240)
    other = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(LaunchError, match="of another model than this one: the file lacks 0.bias, 0.weight.*The model was left as it was"):
        run.load_into(other)
    wider = trainings.Tied()
    wider.head = nn.Linear(4, 5)
    first = wider.first.weight.detach().clone()
    with pytest.raises(LaunchError, match=r"head.weight is \(5, 4\) here, \(2, 4\) there"):
        run.load_into(wider)
    assert torch.equal(wider.first.weight, first)
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


def test_a_factory_makes_the_model_here_too():
    run = launch(trainings.make, epochs=1).wait(240)
    written = torch.load(run.folder.weights, weights_only=True)
    assert isinstance(run.model, trainings.Tied) and torch.equal(run.model.head.weight, written["head.weight"])
    assert run.model is run.model


def test_a_loop_of_ones_own_gives_its_result_curves_and_words():
    run = launch(trainings.steps, 5, num_processes=2, name="own loop").wait(240)
    assert run.result == {"steps": 5} and run.id.endswith("-own-loop")
    assert run.metrics["step"].tolist() == [1, 2, 3, 4, 5] and run.metrics["loss"].gt(0).all()
    assert "rank 1 made 5 steps" in run.logs(1) and "── rank 0 ──" in run.logs()
    assert [event["r"] for event in run.events("done")] in ([0, 1], [1, 0])
    assert repr(run) == f"<Run {run.id}, done at step 5, 2 processes>"
    with pytest.raises(LaunchError, match="left no trained weights"):
        _ = run.model


def test_training_and_validation_are_one_table():
    run = launch(trainings.setup(), epochs=2, **{"log.every_steps": 4}).wait(240)
    table = run.metrics
    assert {"step", "epoch", "loss", "val_loss"} <= set(table.columns)
    assert table["step"].is_monotonic_increasing and table["step"].is_unique and table["val_loss"].notna().sum() >= 2


def test_while_it_runs_there_is_no_model_yet_and_waiting_may_be_short():
    run = going()
    with pytest.raises(LaunchError, match="the run is running: run.wait"):
        _ = run.model
    assert run.wait(0.1) is run and run.state == "running"
    run.stop("enough")
    assert run.wait(240).state == "interrupted"
    assert "enough" in repr(run)
    with pytest.raises(LaunchError, match="has ended"):
        run.pause()


def test_a_run_can_be_paused_and_goes_on():
    run = going()
    run.pause()
    wait_for(lambda: run.state == "paused")
    step = run.step
    wait_for(lambda: all(rank.heard < 0.2 for rank in run.ranks))
    assert run.step == step and {rank.phase for rank in run.ranks} == {"paused"}
    run.resume()
    wait_for(lambda: run.state == "running" and run.step > step)


def test_a_snapshot_is_a_setup_that_instruments_take_while_the_training_goes_on():
    setup = trainings.setup()
    own = copy.deepcopy(setup.model.state_dict())
    run = going(setup, epochs=10**6)
    snapshot = run.snapshot(rank=1, timeout=240)
    assert snapshot.rank == 1 and snapshot.step >= 1 and snapshot.left_out == ()
    assert snapshot.model is not setup.model and all(torch.equal(value, own[name]) for name, value in setup.model.state_dict().items())
    assert torch.equal(snapshot.model.head.weight, snapshot.weights["head.weight"])
    assert not torch.equal(snapshot.model.head.weight, own["head.weight"])
    assert snapshot.optimizer.param_groups[0]["params"][0] is snapshot.model.first.weight
    assert snapshot.model.second.weight is snapshot.model.first.weight
    report = nbdebug.gradients(snapshot.setup)
    assert report.result is not None
    step = run.step
    wait_for(lambda: run.step > step)
    with pytest.raises(LaunchError, match="there is no rank 7"):
        run.snapshot(rank=7)


def test_a_checkpoint_that_was_asked_for_stays_and_can_be_gone_on_from():
    run = going(trainings.setup(), epochs=10**6, **{"log.every_steps": 1, "checkpoint.every_steps": 1, "checkpoint.keep_last": 1})
    path = run.checkpoint(timeout=240)
    step = run.step
    wait_for(lambda: run.step > step + 5)
    run.stop("enough")
    run.wait(240)
    assert {one.name for one in run.folder.checkpoints.glob("*.pt")} == {path.name, f"step-{run.step:08d}.pt"}
    again = launch(resume="last", max_steps=run.step + 4)
    assert again.wait(240).state == "done" and again.result["step"] == run.step + 4
    assert again.events("metric")[0]["step"] > 1
    assert again.folder.about()["resumed_from"].startswith(str(run.folder.path))
    from_file = launch(trainings.setup(), resume=path, max_steps=run.step + 4).wait(240)
    assert from_file.result["step"] == run.step + 4 and from_file.folder.about()["resumed_from"] == str(path)


def test_a_run_that_is_resumed_at_its_end_says_so():
    run = launch(trainings.setup(), epochs=1).wait(240)
    again = launch(trainings.setup(), epochs=1, resume=run).wait(240)
    assert again.state == "done" and again.step == run.step and torch.equal(again.model.head.weight, run.model.head.weight)
    assert f"nothing was left to train: the checkpoint is of step {run.step}, after epoch 1, and the run was to have no more" in again.notes


def test_an_exception_in_a_rank_is_told_with_its_line():
    run = launch(trainings.one_raises, num_processes=2)
    with pytest.raises(RankFailed) as caught:
        run.wait(240)
    assert caught.value.rank == 1
    message = str(caught.value)
    assert message.startswith("rank 1 raised ValueError at step 3: bad sample 7") and 'raise ValueError("bad sample 7")' in message
    assert "ValueError: bad sample 7" in caught.value.traceback and "one_raises" in "".join(caught.value._render_traceback_())
    assert run.state == "failed"
    with pytest.raises(LaunchError, match="left no trained weights: rank 1 raised"):
        _ = run.model


def test_where_the_ranks_stand():
    run = going(trainings.steps, LONG, 0.05)
    told = run.stacks(timeout=20)
    assert "rank 0" in told and "rank 1" in told and "trainings.py" in told


def test_a_stopped_rank_is_explained():
    run = going()
    run._keeper.monitor.silent = 1.0
    psutil.Process(run.ranks[1].pid).suspend()
    began = time.monotonic()
    wait_for(lambda: run.notes)
    assert time.monotonic() - began < 1.0 + 5.0 * slowed() and run.ranks[1].silent and not run.ranks[0].silent
    assert "rank 1 has been silent for 1 s at step" in run._repr_mimebundle_()["text/plain"]
    told = run.stacks(timeout=1)
    first, second = told.split("── rank 1")
    assert "trainings.py" in first and "stopped by a signal" in second


def test_callbacks_are_called_and_one_that_fails_is_not_called_again():
    steps, failed = [], []
    run = launch(trainings.steps, 30, 0.05)
    run.on_change(lambda run: steps.append(run.step))
    forget = run.on_change(lambda run: 1 / 0)
    run.on_change(lambda run: failed.append(threading.current_thread().name))
    run.wait(240)
    assert steps[-1] == 30 and len(steps) > 3 and failed
    assert sum("showing the run failed: ZeroDivisionError" in note for note in run.notes) == 1
    forget()


def test_after_threads_a_backward_pass_and_hooks_in_the_kernel():
    setup = trainings.setup()
    trainings.two_threads(torch.randn(700, 700, requires_grad=True))
    handle = setup.model.register_forward_hook(lambda *_: None)
    nbdebug.gradients(setup)
    assert launch(setup, num_processes=2, epochs=1).wait(240).state == "done"
    handle.remove()


def test_two_at_once_do_not_disturb_each_other():
    one, two = going(), launch(trainings.steps, 5, num_processes=2)
    assert two.wait(240).result == {"steps": 5}
    assert one.state == "running"


@pytest.mark.parametrize(("precision", "workers"), [("bf16-mixed", 0), ("16-mixed", 2)])
def test_after_the_death_of_a_rank_all_go_on_to_the_same_weights_bit_by_bit(tmp_path, monkeypatch, precision, workers):
    """And on the same samples, each once an epoch."""
    options = {"num_processes": 2, "epochs": 4, "seed": 3, "checkpoint.every_steps": 10, "precision": precision, "log.every_steps": 1}
    monkeypatch.setenv("SEEN", str(tmp_path / "undisturbed"))
    undisturbed = launch(trainings.read(workers), **options).wait(240)
    monkeypatch.setenv("SEEN", str(tmp_path / "disturbed"))
    run = launch(trainings.read(workers, pause=0.01), restarts=1, **options)
    wait_for(lambda: run.history.checkpoints or run.ended)
    psutil.Process(run.ranks[1].pid).kill()
    run.wait(240)
    assert run.state == "done" and run._keeper.monitor.attempt == 1, run.notes
    assert any("SIGKILL" in note and "start again" in note for note in run.notes)
    one, two = (torch.load(r.folder.weights, weights_only=True) for r in (undisturbed, run))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert run.metrics["step"].is_unique and run.metrics["step"].max() == undisturbed.metrics["step"].max() == 64
    seen = [seen_by(undisturbed, tmp_path / "undisturbed", rank) for rank in range(2)]
    assert seen == [seen_by(run, tmp_path / "disturbed", rank) for rank in range(2)]
    for epoch in range(4):
        assert sorted(sample for steps in seen for step in steps[16 * epoch : 16 * epoch + 16] for sample in step) == list(range(trainings.SAMPLES))


def seen_by(run, path, rank):
    """The samples of each step; of what was done twice, those of the second time."""
    files = [path.with_name(f"{path.name}-{rank}-{hello['pid']}") for hello in run.events("hello") if hello["r"] == rank]
    steps = []
    for attempt, file in enumerate(files):
        first = min(event["step"] for event in run.events("metric") if event["a"] == attempt)
        assert first <= len(steps) + 1
        steps[first - 1 :] = [line.split() for line in file.read_text().splitlines()]
    return [[int(sample) for sample in step] for step in steps]


def test_spawned_ranks_end_soon_too():
    run = going(start_method="spawn")
    run.stop("enough")
    assert run.wait(240).state == "interrupted"


def test_a_launch_finds_all_imported_and_makes_its_first_step_within_a_second():
    run = launch(trainings.steps, 1, num_processes=2).wait(240)
    for hello in run.events("hello"):
        assert {"torch", "torch.distributed", "torch._dynamo"} <= set(hello["preloaded"])
    demand_within(1.0, lambda: launch(trainings.steps, 1, num_processes=2).wait(240).history.first_step, 10.0)  # seconds, from the call to rank 0's first step


def test_ranks_see_the_environment_of_now(monkeypatch):
    launch(trainings.steps, 1).wait(240)  # the server is there, with the environment of before
    monkeypatch.setenv("SAID_LATER", "yes")
    assert launch(trainings.environment, "SAID_LATER").wait(240).result == "yes"
