"""Checkpoints are whole or not there, hold nothing that could run, and are kept by a rule."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import time
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nbdebug.errors import CheckpointError
from nbdebug.training.checkpoint import Rule, keep, load, newest, save, write
from nbdebug.training.folder import RunFolder

STATE = {"model": OrderedDict(w=torch.arange(6.0).reshape(2, 3), b=torch.ones(2, dtype=torch.bfloat16)), "step": 3, "words": ["a", None, 1.5, (True, b"x")]}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def names(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.checkpoints.iterdir())


def test_what_was_saved_is_loaded(folder: RunFolder) -> None:
    loaded = load(save(folder, 3, STATE))
    assert torch.equal(loaded["model"]["w"], STATE["model"]["w"]) and loaded["model"]["b"].dtype == torch.bfloat16
    assert loaded["words"] == STATE["words"] and names(folder) == ["step-00000003.pt"]
    assert folder.checkpoints.joinpath("step-00000003.pt").stat().st_mode & 0o077 == 0


def test_numpy_and_parameters_become_tensors_and_tied_weights_stay_tied(folder: RunFolder) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    loaded = load(save(folder, 1, {"a": np.arange(3), "b": np.float32(2), "one": weight, "two": weight, "milestones": Counter([1, 1])}))
    assert torch.equal(loaded["a"], torch.arange(3)) and loaded["b"] == 2.0 and loaded["milestones"] == Counter([1, 1])
    assert loaded["one"].data_ptr() == loaded["two"].data_ptr() and not loaded["one"].requires_grad


def test_a_view_does_not_take_all_of_its_memory_along(folder: RunFolder) -> None:
    assert save(folder, 1, {"row": torch.zeros(10_000, 100)[0]}).stat().st_size < 10_000


@pytest.mark.parametrize("value, kind", [(lambda: 0, "function"), (object(), "object"), (np.array(["x"], dtype=object), "ndarray")])
def test_what_could_run_is_not_written(folder: RunFolder, value: Any, kind: str) -> None:
    with pytest.raises(CheckpointError, match=rf"\['schedule'\]\[1\].* is a {kind}"):
        save(folder, 1, {"schedule": [0, value]})
    assert not folder.checkpoints.exists() or names(folder) == []


def test_a_state_that_holds_itself_is_refused(folder: RunFolder) -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(CheckpointError, match="holds itself"):
        save(folder, 1, {"ring": ring})


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "noise"])
def test_a_damaged_one_is_refused_and_the_one_before_taken(folder: RunFolder, damage: str) -> None:
    save(folder, 1, {**STATE, "step": 1})
    path = save(folder, 2, {**STATE, "big": torch.randn(1000)})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes({"cut": content[:-300], "flipped": content, "empty": b"", "noise": os.urandom(500)}[damage])
    found = newest(folder)
    assert found.step == 1 and found.state["step"] == 1 and len(found.refused) == 1
    assert "step-00000002.pt" in found.refused[0]
    with pytest.raises(CheckpointError, match="damaged|not a checkpoint"):
        newest(path)


def test_a_pickle_is_never_run(folder: RunFolder, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path}/harm",)

    save(folder, 1, STATE)
    torch.save({"format": "nbdebug checkpoint", "version": 1, "step": 9, "state": {"x": Harm()}}, folder.checkpoints / "step-00000009.pt")
    (folder.checkpoints / "step-00000010.pt").write_bytes(pickle.dumps(Harm()))
    found = newest(folder)
    assert found.step == 1 and len(found.refused) == 2 and "more than tensors and plain values" in found.refused[1]
    assert not (tmp_path / "harm").exists()


def test_a_foreign_one_and_one_of_a_newer_version_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "theirs.pt")
    with pytest.raises(CheckpointError, match="not a checkpoint of nbdebug"):
        load(tmp_path / "theirs.pt")
    write(tmp_path / "newer.pt", {"format": "nbdebug checkpoint", "version": 7, "step": 1, "state": {}})
    with pytest.raises(CheckpointError, match="version 7.*update nbdebug"):
        load(tmp_path / "newer.pt")
    with pytest.raises(CheckpointError, match="there is no file"):
        load(tmp_path / "none.pt")
    with pytest.raises(CheckpointError, match="there is no checkpoint in"):
        newest(tmp_path)


def test_a_full_disk_is_told_and_the_last_good_one_kept(folder: RunFolder) -> None:
    save(folder, 1, STATE)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(CheckpointError, match="step 2 was not written: .*File too large; step-00000001.pt is still there"):
            save(folder, 2, {**STATE, "big": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert names(folder) == ["step-00000001.pt"] and newest(folder).step == 1


def test_a_folder_that_cannot_be_written_is_told(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    save(folder, 1, STATE)

    def read_only(*args: Any, **options: Any) -> Any:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", read_only)
    with pytest.raises(CheckpointError, match="Read-only file system; step-00000001.pt is still there"):
        save(folder, 2, STATE)


def test_the_last_few_stay_and_the_best_and_every_nth(folder: RunFolder) -> None:
    for step, loss in enumerate([5.0, 1.0, 4.0, float("nan"), 2.0, 3.0, 3.5], start=1):
        save(folder, step, STATE, metrics={"loss": loss}, number=step)
    gone = keep(folder, Rule(last=2, best=2, monitor="loss", every=3))
    assert names(folder) == [f"step-{step:08d}.pt" for step in (2, 3, 5, 6, 7)] and len(gone) == 2
    keep(folder, Rule(last=1, best=1, monitor="loss", mode="max"))
    assert names(folder) == [f"step-{step:08d}.pt" for step in (3, 7)]
    keep(folder, Rule(last=0))
    assert names(folder) == ["step-00000007.pt"]


def save_for_ever(folder: RunFolder, step: int) -> None:
    while True:
        step += 1
        save(folder, step, {"step": step, "w": torch.full((300_000,), float(step))})
        keep(folder, Rule(last=2))


def kill_forty_savers(path: str) -> None:
    """In a process of its own, which has one thread and may fork."""
    torch.set_num_threads(1)
    folder, draw, step = RunFolder(Path(path)), np.random.default_rng(0), 0
    for _ in range(40):
        pid = os.fork()
        if not pid:
            save_for_ever(folder, step)
        while not (folder.checkpoints / f"step-{step + 1:08d}.pt").exists() and step == (newest(folder).step if step else 0):
            time.sleep(0.001)  # until it is at work
        time.sleep(draw.uniform(0.0, 0.03))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for file in folder.checkpoints.glob("step-*.pt"):
            state = load(file)
            assert bool((state["w"] == state["step"]).all())
        step = newest(folder).step
    assert step >= 40 and len(list(folder.checkpoints.iterdir())) <= 4  # what a killed writer left is cleared by the next


def test_forty_kills_while_saving_leave_no_unreadable_file(folder: RunFolder) -> None:
    context = torch.multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torch.distributed", "torch._dynamo", "torch.nn.parallel.distributed"])
    process = context.Process(target=kill_forty_savers, args=(str(folder.path),))
    process.start()
    process.join(120)
    assert process.exitcode == 0
