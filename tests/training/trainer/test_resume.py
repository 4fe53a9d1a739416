"""A training that was interrupted and gone on with is, bit for bit, the one that was not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from nbdebug.training import checkpoint
from nbdebug.training.folder import RunFolder
from tests.training.trainer import ranks

EVERYTHING = {
    "training.accumulate": 2, "training.clip_norm": 0.5, "training.ema": 0.9, "training.early_stopping": 50, "data.mixup": 0.2, "loss.label_smoothing": 0.1,
    "scheduler": {"type": "cosine", "warmup_steps": 3},
}  # fmt: skip
CASES = {
    "float32": (ranks.plain, {}),
    "bf16": (ranks.plain, {"precision": "bf16-mixed"}),
    "fp16": (ranks.plain, {"precision": "16-mixed"}),
    "workers": (ranks.augmented, {}),
    "own schedulers": (ranks.scheduled, {"training.validate_every_steps": 3}),
    "batch norm": (ranks.normed, {}),
    "everything": (ranks.normed, EVERYTHING),
}


def middle(folder: Path, part: float = 0.5) -> Path:
    """A checkpoint from the middle of an epoch."""
    paths = sorted(RunFolder(folder).checkpoints.glob("step-*.pt"))
    return paths[int(len(paths) * part)]


@pytest.mark.parametrize("name", CASES)
def test_from_the_middle_of_an_epoch(name: str, tmp_path: Path) -> None:
    make, told = CASES[name]
    told = {"epochs": 2, "checkpoint.every_steps": 3, "checkpoint.keep_last": 99, **told}
    ranks.alone(make, tmp_path / "whole", **told)
    ranks.alone(make, tmp_path / "rest", resume=middle(tmp_path / "whole"), **told)
    ranks.assert_equal(ranks.weights(tmp_path / "whole"), ranks.weights(tmp_path / "rest"))


@pytest.mark.parametrize("name", ["fp16", "workers", "everything"])
def test_with_two_ranks(name: str, tmp_path: Path) -> None:
    make, told = CASES[name]
    told = {"epochs": 2, "checkpoint.every_steps": 3, "checkpoint.keep_last": 99, **told}
    ranks.together(2, make, tmp_path / "whole", **told)
    ranks.together(2, make, tmp_path / "rest", resume=middle(tmp_path / "whole", 0.3), **told)
    ranks.assert_equal(ranks.weights(tmp_path / "whole"), ranks.weights(tmp_path / "rest"))


def test_with_three_ranks(tmp_path: Path) -> None:
    told = {"epochs": 2, "checkpoint.every_steps": 2, "checkpoint.keep_last": 99}
    ranks.together(3, ranks.normed, tmp_path / "whole", **told)
    ranks.together(3, ranks.normed, tmp_path / "rest", resume=middle(tmp_path / "whole"), **told)
    ranks.assert_equal(ranks.weights(tmp_path / "whole"), ranks.weights(tmp_path / "rest"))


@pytest.mark.parametrize("part", [0.0, 0.99])
def test_from_the_first_and_from_the_last_checkpoint(part: float, tmp_path: Path) -> None:
    told = {"epochs": 2, "checkpoint.every_steps": 1, "checkpoint.keep_last": 99, "training.ema": 0.9}
    ranks.alone(ranks.plain, tmp_path / "whole", **told)
    ranks.alone(ranks.plain, tmp_path / "rest", resume=middle(tmp_path / "whole", part), **told)
    ranks.assert_equal(ranks.weights(tmp_path / "whole"), ranks.weights(tmp_path / "rest"))


def test_more_epochs_than_were_asked_for_at_first(tmp_path: Path) -> None:
    ranks.alone(ranks.plain, tmp_path / "whole", epochs=3)
    ranks.alone(ranks.plain, tmp_path / "short", epochs=1)
    ranks.alone(ranks.plain, tmp_path / "rest", resume=checkpoint.newest(RunFolder(tmp_path / "short")).path, epochs=3)
    ranks.assert_equal(ranks.weights(tmp_path / "whole"), ranks.weights(tmp_path / "rest"))


def test_without_the_random_states_it_would_not_be(tmp_path: Path) -> None:
    """So that the tests above can fail."""
    told = {"epochs": 2, "checkpoint.every_steps": 3, "checkpoint.keep_last": 99}
    ranks.alone(ranks.plain, tmp_path / "whole", **told)
    state = checkpoint.load(middle(tmp_path / "whole"))
    path = checkpoint.save(RunFolder(tmp_path), 1, {**state, "random": []})
    ranks.alone(ranks.plain, tmp_path / "rest", resume=path, **told)
    with pytest.raises(AssertionError):
        ranks.assert_equal(ranks.weights(tmp_path / "whole"), ranks.weights(tmp_path / "rest"))


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    ranks.alone(ranks.augmented, tmp_path / "two", epochs=2)
    ranks.alone(partial(ranks.plain, ranks.Augmented()), tmp_path / "none", epochs=2)
    ranks.assert_equal(ranks.weights(tmp_path / "two"), ranks.weights(tmp_path / "none"))
