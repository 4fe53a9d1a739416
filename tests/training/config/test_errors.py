"""What cannot be meant is said in one sentence, with its line, beside what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbdebug.errors import ConfigError
from nbdebug.training.config import read_config

ALL_OF_THEM = """training:
  epoch: 10
  precision: bf17
optimizer:
  type: adamm
  lr: fast
scheduler: cosinee
"""


def said(source: object = None, **overrides: object) -> str:
    with pytest.raises(ConfigError) as error:
        read_config(source, **overrides)  # type: ignore[arg-type]
    return str(error.value)


def test_several_errors_are_listed_together_each_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text(ALL_OF_THEM)
    message = said(file)
    assert message.startswith("5 things in train.yaml cannot be meant:")
    for line in (
        'train.yaml, line 2: training.epoch is not known (did you mean "epochs"?)',
        'train.yaml, line 3: training.precision must be one of 32-true, 64-true, 16-true, bf16-true, 16-mixed, bf16-mixed, got "bf17" (did you mean "bf16"?)',
        'train.yaml, line 5: optimizer.type must be an optimizer of torch.optim, got "adamm" (did you mean "Adam"?)',
        'train.yaml, line 6: optimizer.lr must be a number from 0 on, got "fast"',
        'train.yaml, line 7: scheduler (scheduler.type) must be one of',
    ):
        assert f"\n  {line}" in message


@pytest.mark.parametrize(
    "words, expected",
    [
        ({"learning_rat": 1}, 'the call: learning_rat= is not known (did you mean "learning_rate"?)'),
        ({"lr": "fast"}, 'the call: lr= must be a number from 0 on, got "fast"'),
        ({"lr": -1}, "the call: lr= must be a number from 0 on, got -1"),
        ({"lr": float("nan")}, "the call: lr= must be a number from 0 on, got nan"),
        ({"epochs": 0}, "the call: epochs= must be a whole number from 1 on, got 0"),
        ({"epochs": 2.5}, "the call: epochs= must be a whole number from 1 on, got 2.5"),
        ({"epochs": True}, "the call: epochs= must be a whole number from 1 on, got true"),
        ({"accumulate": 0}, "the call: accumulate= must be a whole number from 1 on, got 0"),
        ({"label_smoothing": 1.5}, "the call: label_smoothing= must be a number from 0 to 1, got 1.5"),
        ({"ema": 1.0}, "the call: ema= must be a number above 0 and below 1, got 1.0"),
        ({"betas": [0.9]}, "the call: betas= must be a list of 2 numbers, got a list of 1"),
        ({"every_steps": 3}, "every_steps could be checkpoint.every_steps or log.every_steps or watch.every_steps: say which"),
        ({"epochs": 2, "max_steps": 3}, "the call: max_steps= and epochs (2) both say how long: say one of them"),
        ({"lr": 1, "learning_rate": 2}, "the call: learning_rate= is 2, and lr= says 1: say one of them"),
        ({"output_dir": "x"}, "the call: output_dir= is not part of the configuration: say runs_dir=... to nbdebug.launch"),
        ({"num_processes": 0}, "the call: num_processes= must be a whole number from 1 on, got 0"),
        ({"model": {"net": object()}}, "holds a object: only numbers"),
        ({"metrics": ["acuracy"]}, 'names "acuracy", which is no metric of torchmetrics (did you mean "accuracy"?)'),
        ({"optimizer": {"type": "adam", "momentum": 0.9}}, "is no option of Adam: it has lr, betas"),
        ({"optimizer": {"type": "adam", "nestrov": True}}, 'the call: optimizer.nestrov= is not known (did you mean "nesterov"?)'),
        ({"optimizer": {"type": "sgd", "warmup_steps": 3}}, "is not known there: it is scheduler.warmup_steps"),
        ({"gamma": 2.0, "loss": "mse"}, "gamma could be loss.gamma or scheduler.gamma"),
        ({"loss": {"type": "mse", "gamma": 2.0}}, "is of the focal loss, and loss.type is MSELoss"),
        ({"loss": {"type": "mse", "delta": 2}}, "the call: loss.delta= is no option of MSELoss: it has size_average"),
        ({"milestones": 30}, "the call: milestones= must be a list of whole numbers, such as [30, 60], got 30"),
        ({"optimiser": {"lr": 1}}, 'the call: optimiser= is not known (did you mean "optimizer"?)'),
        ({"mixed_precision": "bf17"}, 'the call: mixed_precision= must be one of'),
        ({"metrics": 3}, "the call: metrics= must be a list of names, or names with their options, got 3"),
        ({"launch": {"detach": "maybe"}}, 'the call: launch.detach= must be true or false, got "maybe"'),
        ({"optimizer": "lion"}, 'got "lion"'),
        ({"optimizer": "lbfgs"}, "bring your own loop"),
        ({"device": "cpu", "backend": "nccl"}, "backend= is nccl, which needs CUDA devices"),
        ({"seed": 2**32}, "the call: seed= must be a whole number from 0 to 4294967295"),
    ],
)  # fmt: skip
def test_the_call_is_told_which_word(words: dict[str, object], expected: str) -> None:
    assert expected in said(**words)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("epochs: 30\nscheduler: {type: cosine, T_max: 1000}", "line 2: scheduler.T_max is 1000, and the training has 30 epochs: say scheduler.interval: step if it counts steps"),
        ("max_steps: 100\nscheduler: {type: cosine, warmup_steps: 100}", "line 2: scheduler.warmup_steps is 100, and the training has 100 steps: it would end within the warm-up"),
        ("scheduler:\n  type: cosine\n  warmup_steps: 3\n  warmup_ratio: 0.1", "line 4: scheduler.warmup_ratio and warmup_steps both say how long the warm-up is"),
        ("epochs: 5\nscheduler: {type: cosine, warmup_epochs: 5}", "line 2: scheduler.warmup_epochs is 5, and the training has 5 epochs: it would end within"),
        ("max_steps: 5\nscheduler: {type: cosine, warmup_epochs: 1}", "the training is measured in steps"),
        ("data: {root: /data, batch_size: 3}", "line 1: data.root is not known: options of your own, for a function that makes the setup, stand under `model`"),
        ("lr: 1e-3\nscheduler: {type: cosine, min_lr: 0.1}", "line 2: scheduler.min_lr is 0.1, above the learning rate of 0.001"),
        ("scheduler: multistep", "which needs scheduler.milestones"),
        ("scheduler: {type: multistep, milestones: [30, 10]}", "must grow"),
        ("checkpoint: {monitor: f1}\nmetrics: [accuracy]", 'line 1: checkpoint.monitor is "f1", and metrics has accuracy'),
        ("training:\n  epochs: 3\n  max_steps: 5", "line 3: training.max_steps and epochs (3) both say how long"),
        ("training:\n  epochs: 3\n  num_epochs: 5", "line 3: training.num_epochs (training.epochs) is 5, and training.epochs says 3: say one of them") ,
        ("data: {shuffle: false, balance: true}", "line 1: data.shuffle is false, and data.balance draws"),
        ("scheduler: plateau\ntraining: {validate_every: 0}", "which waits for validations"),
        ("training: 3", "line 1: training must be a mapping of names and values, got 3"),
        ("launch: {processes: two}", 'launch.processes (launch.num_processes) must be a whole number from 1 on, got "two"'),
        ("a: 1\nb: [1\nc: 2", "line 3: this is no YAML"),
        ("training:\n\tepochs: 2", "line 2: this is no YAML (a tab stands where YAML wants spaces)"),
        ("seed: 1\nname: x\nseed: 2", "line 3: seed is said already in line 1"),
        ("training:\n  epochs: 3\n   lr: 1", "line 3: this is no YAML"),
        ("epochs: 3\nlr 1\nname: x", "line 2: this is no YAML (a name without a colon after it)"),
        ("training: epochs: 3", "line 1: this is no YAML (a second colon in one value: put the text into quotes"),
        ("training:\n    epochs: 3\n  lr: 1", "line 3: this is no YAML (its indentation does not fit to the lines above)"),
        ("- epochs", "must be a mapping"),
        ("a: 1\n---\nb: 1", "a second document"),
        ("model: &a {x: *a}", "repeat one another without end"),
        ("model: {x: !!python/object/apply:os.system [ls]}", "os.system is no plain value"),
        ("model: {x: !!python/name:os.system }", "this is no YAML"),
    ],
)  # fmt: skip
def test_a_text_is_told_which_line(text: str, expected: str) -> None:
    assert expected in said(text + "\n")


def test_a_file_that_is_not_there_names_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text("epochs: 1")
    assert 'did you mean "train.yaml"?' in said(tmp_path / "trian.yaml")
    assert "cannot be read" in said(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("name: café".encode("latin-1"))
    assert "no text in UTF-8" in said(tmp_path / "latin.yaml")


@pytest.mark.parametrize("source", [3, ["epochs"], object()])
def test_what_is_no_configuration_at_all(source: object) -> None:
    assert "must be the path of a YAML file, a mapping or nothing" in said(source)


def test_a_bomb_of_aliases_is_refused() -> None:
    text = "a: &a [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(f"{after}: &{after} [{', '.join([f'*{before}'] * 8)}]\n" for before, after in zip("abcdefgh", "bcdefghi", strict=True))
    assert "without end" in said(text)


def test_a_schedule_may_outlast_the_training_when_that_is_said() -> None:
    config = read_config("epochs: 2\nscheduler: {type: cosine, T_max: 30, interval: epoch}")
    assert config.scheduler is not None and config.scheduler.T_max == 30
