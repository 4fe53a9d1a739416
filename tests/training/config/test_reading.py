"""What is read: files, texts, mappings, keywords, and the words of other tools."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy
import pytest
import torch

from nbdebug.training.config import EarlyStopping, RunConfig, read_config
from nbdebug.training.config.metric_names import better

SAMPLE = """
training:
  num_epochs: 10
  batch_size: 32
  learning_rate: 1e-3
  mixed_precision: fp16
  gradient_accumulation_steps: 2
  max_grad_norm: 1.0
optimizer:
  name: adamw
  params: {weight_decay: 0.01, betas: [0.9, 0.95]}
scheduler:
  type: CosineAnnealingLR
  T_max: 10
  eta_min: "1e-6"
  warmup_steps: 100
data: {num_workers: 4}
model: {width: 12, name: resnet, nested: {depth: 3}}
"""


def test_the_keys_that_people_bring_are_understood() -> None:
    config = read_config(SAMPLE)
    assert (config.training.epochs, config.training.precision, config.training.accumulate, config.training.clip_norm) == (10, "16-mixed", 2, 1.0)
    assert (config.data.batch_size, config.data.num_workers) == (32, 4)
    assert config.optimizer is not None and config.scheduler is not None
    assert (config.optimizer.type, config.optimizer.lr, config.optimizer.weight_decay, config.optimizer.betas) == ("AdamW", 1e-3, 0.01, [0.9, 0.95])
    assert (config.scheduler.type, config.scheduler.T_max, config.scheduler.interval, config.scheduler.min_lr) == ("cosine", 10, "epoch", 1e-6)
    assert config.model == {"width": 12, "name": "resnet", "nested": {"depth": 3}}


def test_nothing_said_is_one_epoch_with_the_setups_own_parts() -> None:
    config = read_config()
    assert config == RunConfig() and config.training.epochs == 1 and config.training.max_steps is None
    assert config.optimizer is None and config.scheduler is None and config.loss is None


@pytest.mark.parametrize(
    "words",
    [{"epochs": 2}, {"num_train_epochs": 2}, {"max_epochs": "2"}, {"training": {"epochs": 2.0}}, {"train": {"n_epochs": 2}}, {"training.epochs": 2}, {"epochs": numpy.int64(2)}],
)
def test_one_thing_may_be_said_in_many_ways(words: dict[str, object]) -> None:
    assert read_config(words) == read_config(**words) == read_config(epochs=2)


def test_transformers_words_are_understood() -> None:
    config = read_config(
        num_train_epochs=3, per_device_train_batch_size=8, learning_rate=5e-5, adam_beta1=0.8, adam_epsilon=1e-6, fp16=False, bf16=True, max_steps=-1, eval_strategy="epoch",
        lr_scheduler_type="cosine", warmup_ratio=0.1, logging_steps=5, save_strategy="steps", save_steps=50, save_total_limit=2, gradient_checkpointing=True, optim="adamw_torch",
        label_smoothing_factor=0.1, dataloader_num_workers=2, metric_for_best_model="eval_accuracy", metrics=["accuracy"], seed=3, max_grad_norm=1.0, torch_compile=False,
    )  # fmt: skip
    assert (config.training.epochs, config.training.max_steps, config.training.precision, config.training.checkpoint_activations) == (3, None, "bf16-mixed", True)
    assert config.optimizer is not None and (config.optimizer.type, config.optimizer.betas, config.optimizer.eps) == ("AdamW", [0.8, 0.999], 1e-6)
    assert (config.checkpoint.every_steps, config.checkpoint.every_epochs, config.checkpoint.keep_last) == (50, None, 2)
    assert (config.checkpoint.monitor, config.checkpoint.mode) == ("accuracy", "max")


def test_lightnings_words_are_understood() -> None:
    config = read_config(
        {"trainer": {"max_epochs": 4, "precision": "bf16-mixed", "accumulate_grad_batches": 4, "gradient_clip_val": 0.5, "devices": 2, "accelerator": "gpu", "sync_batchnorm": True}}
    )
    assert (config.training.epochs, config.training.accumulate, config.training.clip_norm, config.training.sync_batch_norm) == (4, 4, 0.5, True)
    assert (config.launch.num_processes, config.launch.device) == (2, "cuda")


@pytest.mark.parametrize("written", ["1e-4", '"1e-4"', "0.0001", "1.0E-4", ".0001"])
def test_a_number_is_a_number_however_it_is_written(written: str) -> None:
    config = read_config(f"lr: {written}")
    assert config.optimizer is not None and config.optimizer.lr == 1e-4


def test_what_yaml_takes_for_something_else_is_what_was_meant() -> None:
    config = read_config("training: {precision: 16, epochs: 010}\nname: 12:30\nmodel: {day: 2024-01-01, code: 1_000, big: 1e3, word: '1e3', yes: no}")
    assert (config.training.precision, config.training.epochs, config.name) == ("16-mixed", 10, "12:30")
    assert config.model == {"day": "2024-01-01", "code": 1000, "big": 1000.0, "word": "1e3", "yes": False}
    assert read_config("training: {mixed_precision: no}").training.precision == "32-true"


def test_a_call_is_heard_after_the_file(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text(SAMPLE)
    config = read_config(file, lr="3e-4", epochs=20, **{"model.width": 5})
    assert config.optimizer is not None and config.optimizer.lr == 3e-4 and config.optimizer.weight_decay == 0.01
    assert config.training.epochs == 20 and config.model["width"] == 5 and config.model["name"] == "resnet"
    assert read_config(str(file), max_steps=700, T_max=None).training.epochs is None  # one length takes back the other


def test_a_call_can_take_a_part_back() -> None:
    assert read_config("optimizer: {type: sgd, lr: 1}", optimizer=None).optimizer is None
    config = read_config("optimizer: null", lr=0.1)
    assert config.optimizer is not None and config.optimizer.lr == 0.1 and config.optimizer.type is None


def test_what_is_monitored_says_which_way_is_better() -> None:
    config = read_config(metrics=["accuracy", "rmse"], **{"checkpoint.monitor": "val_accuracy"}, early_stopping={"monitor": "rmse", "patience": 3})
    assert (config.checkpoint.monitor, config.checkpoint.mode) == ("accuracy", "max")
    assert config.training.early_stopping == EarlyStopping(monitor="rmse", mode="min", patience=3)
    for metrics in ({"mine": {"type": "accuracy"}, "far": {"type": "mape"}}, ["f1", {"mine": {"type": "accuracy"}}, {"far": {"type": "mape"}}]):
        own = read_config(metrics=metrics, early_stopping={"monitor": "mine"}, **{"checkpoint.monitor": "far"})
        assert own.training.early_stopping is not None and (own.training.early_stopping.mode, own.checkpoint.mode) == ("max", "min")
    again = read_config(config, **{"checkpoint.monitor": "rmse"})
    assert again.checkpoint.mode == "min"  # of the new one, not what the old one left


@pytest.mark.parametrize("name, mode", [("loss", "min"), ("train_loss", "min"), ("mape", "min"), ("MeanSquaredError", "min"), ("precision", "max"), ("r2", "max"), ("ppl", "min")])
def test_which_way_is_better(name: str, mode: str) -> None:
    assert better(name) == mode


@pytest.mark.parametrize("written, patience", [(5, 5), (True, 5), ({"patience": 2}, 2)])
def test_early_stopping_by_its_patience(written: object, patience: int) -> None:
    told = read_config(early_stopping=written).training.early_stopping
    assert told is not None and told.patience == patience and told.monitor == "loss"


def test_bare_words_name_a_type() -> None:
    config = read_config("optimizer: adam\nscheduler: cosine\nloss: focal\nmetrics: accuracy\nlog: {mlflow: sqlite:///runs.db}")
    assert config.optimizer is not None and config.scheduler is not None and config.loss is not None and config.log.mlflow is not None
    assert (config.optimizer.type, config.scheduler.type, config.loss.type, config.log.mlflow.uri) == ("Adam", "cosine", "focal", "sqlite:///runs.db")
    assert read_config(optimizer="sgd", scheduler="one_cycle", loss="cross_entropy").scheduler.type == "onecycle"  # type: ignore[union-attr]


def test_options_of_torchs_classes_go_where_they_belong() -> None:
    config = read_config("optimizer: {type: sgd, nesterov: true, momentum: 0.9}\nloss: {type: huber, delta: 2.0}")
    assert config.optimizer is not None and config.optimizer.told() == {"momentum": 0.9, "nesterov": True}
    assert config.loss is not None and config.loss.options == {"delta": 2.0}


def test_tensors_and_arrays_of_a_call_become_plain() -> None:
    config = read_config(class_weights=torch.tensor([1.0, 2.0]), lr=numpy.float32(0.5))
    assert config.loss is not None and config.loss.class_weights == [1.0, 2.0]
    assert config.optimizer is not None and config.optimizer.lr == 0.5


@pytest.mark.parametrize(
    "schedule, training, interval",
    [
        ({"type": "cosine"}, {"epochs": 3}, "step"), ({"type": "cosine", "T_max": 3}, {"epochs": 3}, "epoch"), ({"type": "cosine", "T_max": 30}, {"max_steps": 30}, "step"),
        ({"type": "StepLR", "step_size": 3}, {}, "epoch"), ({"type": "linear", "interval": "epochs"}, {}, "epoch"),
    ],
)  # fmt: skip
def test_what_a_schedule_counts(schedule: dict[str, object], training: dict[str, object], interval: str) -> None:
    config = read_config({"scheduler": schedule, "training": training})
    assert config.scheduler is not None and config.scheduler.interval == interval


def test_anchors_and_merged_mappings() -> None:
    config = read_config("model: {base: &b {width: 3, depth: 2}, wide: {<<: *b, width: 9}}")
    assert config.model["wide"] == {"width": 9, "depth": 2}


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(Exception, match="frozen"):
        read_config().training.epochs = 3  # type: ignore[misc]


def test_a_configuration_travels() -> None:
    config = read_config(SAMPLE)
    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config


@pytest.mark.parametrize("text", ["# nothing\n", "\n", "{}\n", "training:\noptimizer:\nmetrics:\n"])
def test_an_empty_text_says_nothing(text: str) -> None:
    assert read_config(text) == read_config()


def test_odd_ends_of_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_bytes("\ufeffepochs: 3\r\nlr: 1e-3\r\n".encode())
    assert read_config(tmp_path / "train.yaml").training.epochs == 3


def test_json_is_yaml() -> None:
    assert read_config('{"training": {"epochs": 3}, "optimizer": {"type": "sgd", "lr": 1e-3}}') == read_config(epochs=3, optimizer="sgd", lr=1e-3)


def test_a_file_as_people_write_them() -> None:
    config = read_config(
        """
        training: {epochs: 50, batch_size: 64, device: cuda, seed: 42, weight_decay: 1e-4, optimizer: sgd, momentum: 0.9, scheduler: {name: cosine, warmup_epochs: 5}, resume: null,
                   early_stopping_patience: 7, log_interval: 20, amp: true, use_wandb: false, label_smoothing: 0.1, metrics: [accuracy]}
        """
    )
    assert (config.seed, config.launch.device, config.training.precision, config.log.every_steps) == (42, "cuda", "bf16-mixed", 20)
    assert config.optimizer is not None and config.optimizer.told() == {"weight_decay": 1e-4, "momentum": 0.9}
    assert config.scheduler is not None and config.scheduler.warmup_epochs == 5 and config.training.early_stopping is not None
    assert config.training.early_stopping.patience == 7 and list(config.metrics) == ["accuracy"]
