"""Checkpoints are whole or not there, hold nothing that could run, and are kept by a rule."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nbdebug.errors import CheckpointError
from nbdebug.training.checkpoint import Rule, keep, load, newest, save, stay, write
from nbdebug.training.folder import RunFolder

ROOT = Path(__file__).parents[3]
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


def test_one_that_was_asked_for_stays(folder: RunFolder) -> None:
    for step in range(1, 5):
        path = save(folder, step, STATE, number=step)
        if step == 2:
            stay(path)
        keep(folder, Rule(last=1))
    assert [path.name for path in sorted(folder.checkpoints.glob("*.pt"))] == ["step-00000002.pt", "step-00000004.pt"]
    assert newest(folder).step == 4


def test_the_newest_is_found_while_a_run_goes_on(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there when the folder was looked at is gone when it is opened, because newer ones came."""
    save(folder, 1, {**STATE, "step": 1})
    look, looks = Path.glob, []

    def glob(path: Path, pattern: str) -> Any:
        found = list(look(path, pattern))
        looks.append(len(looks))
        if len(looks) == 1:
            save(folder, 2, {**STATE, "step": 2})
            (folder.checkpoints / "step-00000001.pt").unlink()
        return found

    monkeypatch.setattr(Path, "glob", glob)
    found = newest(folder)
    assert found.step == 2 and found.refused == ()


def test_forty_kills_while_saving_leave_no_unreadable_file(tmp_path: Path) -> None:
    code = f"from tests.training.checkpoint import savers; savers.kill_forty({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    assert newest(RunFolder(tmp_path)).step >= 40
