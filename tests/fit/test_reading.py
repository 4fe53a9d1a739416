"""Every kind of history is read, and says what it took for what; what cannot be read says why."""

from __future__ import annotations

import builtins
import json
import math

import numpy
import pandas
import pytest
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from transformers.trainer_callback import TrainerState

import nbdebug
from nbdebug.errors import SetupError
from nbdebug.instruments.fit.reading import read
from nbdebug.instruments.fit.roles import TRAINING, VALIDATION
from tests.fit.curves import falling, overfitting

LOSS, VAL = falling(60), falling(60, floor=0.3, seed=1)


def roles_of(history, **options) -> dict[str, str]:
    """Role → column that was taken for it."""
    return {taken.role: taken.column for taken in nbdebug.fit(history, resamples=1, **options).result.taken}


def losses(columns: str, validation: str = "") -> dict[str, str]:
    return {TRAINING: columns, **({VALIDATION: validation} if validation else {})}


# -- in memory -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "history",
    [
        pandas.DataFrame({"loss": LOSS, "val_loss": VAL}),
        pandas.DataFrame({"epoch": range(60), "loss": LOSS, "val_loss": VAL}),
        pandas.DataFrame({"loss": LOSS, "val_loss": VAL}).rename_axis("epoch"),
        {"loss": LOSS, "val_loss": VAL},
        {"loss": numpy.array(LOSS), "val_loss": torch.tensor(VAL)},
        [{"step": i, "loss": a, "val_loss": b} for i, (a, b) in enumerate(zip(LOSS, VAL, strict=True))],
    ],
)
def test_the_usual_tables(history):
    assert roles_of(history) == losses("loss", "val_loss")


@pytest.mark.parametrize("history", [LOSS, numpy.array(LOSS), torch.tensor(LOSS), pandas.Series(LOSS)])
def test_numbers_alone_are_a_loss(history):
    assert roles_of(history) == losses("loss")


def test_lists_of_other_lengths_lie_evenly():
    columns = read({"loss": LOSS, "val_loss": VAL[::6]})
    assert columns.courses["val_loss"].steps == tuple(range(5, 60, 6))
    assert "val_loss has 10 values beside 60" in columns.limits[0]


def test_keras_history_and_nested_dicts():
    class History:
        history = {"loss": LOSS, "val_loss": VAL}

    assert roles_of(History()) == losses("loss", "val_loss")
    assert roles_of({"train": {"loss": LOSS}, "val": {"loss": VAL}}) == losses("train/loss", "val/loss")


def log_history() -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    for i in range(60):
        rows.append({"loss": LOSS[i], "grad_norm": 1.0, "learning_rate": 1e-4, "epoch": i / 10, "step": 10 * i})
        if i % 6 == 5:
            rows.append({"eval_loss": VAL[i], "eval_runtime": 1.0, "epoch": i / 10, "step": 10 * i})
    return [*rows, {"train_runtime": 9.0, "train_loss": 0.5, "epoch": 6.0, "step": 590}]


def test_rows_with_a_dict_for_each_split():
    rows = [{"train": {"loss": a}, "val": {"loss": b}} for a, b in zip(LOSS, VAL, strict=True)]
    assert roles_of(rows) == {TRAINING: "train/loss", VALIDATION: "val/loss"}


def test_losses_with_their_graphs_are_read_without_a_word(recwarn):
    """What a loop appends that forgot .item()."""
    weight = torch.ones((), requires_grad=True)
    assert read([weight * value for value in LOSS]).courses["loss"].values == pytest.approx(LOSS)
    assert not recwarn.list


def test_the_trainers_log_with_its_rows_of_two_kinds():
    taken = roles_of(log_history())
    assert taken == {**losses("loss", "eval_loss"), "learning rate": "learning_rate", "gradient norm": "grad_norm"}
    courses = nbdebug.fit(log_history(), resamples=1).result.courses
    assert (len(courses[TRAINING]), len(courses[VALIDATION])) == (60, 10)
    assert courses[VALIDATION].steps[0] == 50


def test_a_watch_its_report_and_its_frame():
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)
    with nbdebug.watch(live=False) as watch:
        for _ in range(60):
            optimizer.zero_grad()
            inputs = torch.randn(32, 4, generator=generator)
            nn.functional.cross_entropy(model(inputs), (inputs[:, 0] > 0).long()).backward()
            optimizer.step()
    for history in (watch, watch.result(), watch.report(), watch.history()):
        assert roles_of(history)[TRAINING] == "loss"
    known = read(watch).constant
    assert known == pytest.approx(math.log(2), abs=0.05)


# -- what a table may have ------------------------------------------------------------------------------------------


def test_unsorted_rows_are_sorted_and_repeated_steps_keep_the_last():
    order = [3, 1, 2, 0, *range(4, 60), 59]
    columns = read(pandas.DataFrame({"step": order, "loss": [*(LOSS[i] for i in order[:-1]), 7.0]}))
    assert columns.courses["loss"].steps == tuple(range(60))
    assert columns.courses["loss"].values[-1] == 7.0
    assert columns.limits == ("the rows were not in the order of step, and were sorted",)


def test_steps_that_count_within_an_epoch_are_no_axis():
    frame = pandas.DataFrame({"epoch": [i // 20 for i in range(60)], "step": [i % 20 for i in range(60)], "loss": LOSS})
    assert read(frame).x == "row"


def test_several_runs_in_one_table():
    with pytest.raises(SetupError, match="step begins again within DataFrame of 60 rows"):
        nbdebug.fit(pandas.DataFrame({"step": [*range(30), *range(30)], "loss": LOSS}))


def test_a_hole_is_none_and_a_loss_that_was_lost_is():
    holes = pandas.DataFrame({"step": range(60), "loss": LOSS, "val_loss": [v if i % 6 == 0 else math.nan for i, v in enumerate(VAL)]})
    assert len(read(holes).courses["val_loss"]) == 10
    lost = pandas.DataFrame({"step": range(60), "loss": LOSS[:40] + [math.nan] * 20, "lr": [0.1] * 60})
    assert len(read(lost).courses["loss"]) == 60
    below = pandas.DataFrame({"step": [*range(60), 5, 10, 15], "loss": [*LOSS, *[math.nan] * 3], "val_loss": [*[math.nan] * 60, 1.0, 0.9, 0.8]})
    assert len(read(below).courses["loss"]) == 60  # validation stands under the training


@pytest.mark.parametrize(
    "names, taken",
    [
        (("train_loss_step", "train_loss_epoch", "val_loss"), losses("train_loss_epoch", "val_loss")),
        (("Loss/train", "Loss/val"), losses("Loss/train", "Loss/val")),
        (("trainLoss", "validLoss"), losses("trainLoss", "validLoss")),
        (("loss", "loss_cls", "loss_box"), losses("loss")),
        (("nll", "dev_nll"), losses("nll", "dev_nll")),
        (("loss", "test_loss", "val_loss"), losses("loss", "val_loss")),
    ],
)
def test_names(names, taken):
    assert roles_of({name: LOSS for name in names}) == taken


@pytest.mark.parametrize(
    "history, options, message",
    [
        ({"loss_a": LOSS, "loss_b": VAL}, {}, 'loss_a and loss_b could each be the training loss: say which, as in training="loss_a"; there are loss_a, loss_b'),
        ({"a": LOSS, "b": VAL}, {}, "no column of dict of 60 values is a training loss by its name"),
        ({"val_loss": LOSS, "acc": VAL}, {}, "there are val_loss, acc"),
        ({"loss": LOSS, "val_loss_a": VAL, "val_loss_b": VAL}, {}, 'validation="none"'),
        ({"loss": LOSS}, {"training": "los"}, "did you mean 'loss'"),
        ({"loss": LOSS}, {"training": 3}, "training is the name of a column, got int"),
        ({"loss": LOSS}, {"resamples": 0}, "resamples must be a whole number of at least 1, got 0"),
        (pandas.DataFrame(), {}, "no column of DataFrame of 0 rows has two numbers or more"),
        (pandas.DataFrame({"loss": [1.0]}), {}, "DataFrame of 1 row has two numbers or more"),
        ({"loss": ["a", "b"]}, {}, "only text in loss"),
        ({"loss": 1.0}, {}, "has a list for each name, got float"),
        ([[1, 2], [3, 4]], {}, "a list of rows has a dict for each, got list"),
        (pandas.DataFrame([[1.0, 2.0]] * 5, columns=["loss", "loss"]), {}, "several columns of the name loss"),
        (3, {}, "fit needs curves, got int"),
        (None, {}, "fit needs curves, got NoneType"),
        ("", {}, "there is no file or folder ''"),
        ("no/such.csv", {}, "there is no file or folder 'no/such.csv'"),
    ],
)
def test_bad_input_is_told_in_a_sentence(history, options, message):
    with pytest.raises(SetupError) as raised:
        nbdebug.fit(history, **options)
    assert message in str(raised.value)


def test_what_was_said_is_taken():
    assert roles_of({"loss_a": LOSS, "loss_b": VAL}, training="loss_b") == losses("loss_b")
    assert roles_of({"loss": LOSS, "val_loss": VAL}, validation="none") == losses("loss")


def test_a_loss_that_never_was_a_number():
    assert [f.code for f in nbdebug.fit(pandas.DataFrame({"epoch": range(5), "loss": [math.nan] * 5})).findings] == ["ND706"]


# -- files ---------------------------------------------------------------------------------------------------------


def test_lightnings_table_with_its_holes(tmp_path):
    rows = []
    for i in range(60):
        rows.append({"epoch": i // 6, "step": i, "train_loss_step": LOSS[i]})
        if i % 6 == 5:
            rows += [{"epoch": i // 6, "step": i, "val_loss": VAL[i]}, {"epoch": i // 6, "step": i, "train_loss_epoch": LOSS[i]}]
    pandas.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    assert roles_of(tmp_path / "metrics.csv") == losses("train_loss_epoch", "val_loss")
    assert roles_of(str(tmp_path)) == losses("train_loss_epoch", "val_loss")  # the folder that it lies in


@pytest.mark.parametrize("options", [{"index": False}, {}, {"sep": ";"}])
def test_tables_as_keras_writes_them(tmp_path, options):
    pandas.DataFrame({"epoch": range(60), "loss": LOSS, "val_loss": VAL}).to_csv(tmp_path / "log.csv", **options)
    columns = read(tmp_path / "log.csv")
    assert (columns.x, set(columns.courses)) == ("epoch", {"loss", "val_loss"})
    assert columns.courses["loss"].values == pytest.approx(LOSS)


def test_decimal_commas_between_semicolons(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step;loss\n" + "\n".join(f"{i};{loss:.6f}".replace(".", ",") for i, loss in enumerate(LOSS)) + "\n60;1,5e-3")
    assert read(path).courses["loss"].values == pytest.approx((*LOSS, 0.0015), abs=1e-6)


def test_nan_in_a_csv_is_a_value_and_an_empty_cell_a_hole(tmp_path):
    (tmp_path / "log.csv").write_text("step,loss,val_loss\n0,1.0,\n1,nan,0.5\n2,nan,\n3,nan,0.4\n")
    courses = read(tmp_path / "log.csv").courses
    assert (len(courses["loss"]), len(courses["val_loss"])) == (4, 2)


def test_the_state_that_the_trainer_saves(tmp_path):
    TrainerState(log_history=log_history()).save_to_json(str(tmp_path / "trainer_state.json"))
    assert roles_of(tmp_path / "trainer_state.json")[VALIDATION] == "eval_loss"
    assert roles_of(tmp_path)[VALIDATION] == "eval_loss"


def test_json_whole_and_line_by_line(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"loss": LOSS, "val_loss": VAL}))
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps(row) for row in log_history()))
    assert roles_of(tmp_path / "a.json") == losses("loss", "val_loss")
    assert roles_of(tmp_path / "b.jsonl")[TRAINING] == "loss"


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", "1,2\n3,4\n", "has no names but numbers"),
        ("a.csv", "epoch,loss\n", "no column of a.csv, 0 rows has two numbers"),
        ("a.json", "{", "a.json cannot be read as JSON"),
        ("a.json", "3", "a.json holds int, and no curves"),
        ("a.txt", "loss", "a.txt is no file that fit can read"),
        ("events.out.tfevents.1", "rubbish", "has two numbers or more"),
    ],
)
def test_damaged_files(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(SetupError) as raised:
        nbdebug.fit(tmp_path / name)
    assert message in str(raised.value)


# -- TensorBoard ---------------------------------------------------------------------------------------------------


def written(folder, tag="Loss/train", values=LOSS) -> None:
    writer = SummaryWriter(folder)
    for step, value in enumerate(values):
        writer.add_scalar(tag, value, step)
    writer.close()


def test_event_files_of_a_summary_writer(tmp_path):
    writer = SummaryWriter(tmp_path / "run")
    for step in range(60):
        writer.add_scalar("Loss/train", LOSS[step], step)
        if step % 6 == 5:
            writer.add_scalar("Loss/val", VAL[step], step)
    writer.close()
    (file,) = (tmp_path / "run").iterdir()
    for path in (tmp_path / "run", file, tmp_path):
        assert roles_of(path) == losses("Loss/train", "Loss/val")
    assert read(file).courses["Loss/train"].values == pytest.approx(LOSS, rel=1e-5)


def test_event_files_of_a_watch(tmp_path):
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False, log_dir=str(tmp_path)):
        for _ in range(30):
            optimizer.zero_grad()
            model(torch.ones(8, 4)).pow(2).mean().backward()
            optimizer.step()
    assert roles_of(tmp_path)[TRAINING] == "loss"


def test_splits_in_folders_are_one_run(tmp_path):
    written(tmp_path / "train", "epoch_loss")
    written(tmp_path / "validation", "epoch_loss", VAL)
    assert roles_of(tmp_path) == losses("train/epoch_loss", "validation/epoch_loss")


def test_scalars_that_were_added_together(tmp_path):
    writer = SummaryWriter(tmp_path)
    for step in range(30):
        writer.add_scalars("loss", {"train": LOSS[step], "val": VAL[step]}, step)
    writer.close()
    assert roles_of(tmp_path) == losses("loss_train/loss", "loss_val/loss")


def test_several_runs_in_one_folder(tmp_path):
    written(tmp_path / "first")
    written(tmp_path / "second")
    with pytest.raises(SetupError, match="holds 2 runs: first, second"):
        nbdebug.fit(tmp_path)


def test_without_tensorboard_it_is_named(tmp_path, monkeypatch):
    written(tmp_path)
    true_import = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("tensorboard"):
            raise ImportError(name)
        return true_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SetupError, match="pip install tensorboard"):
        nbdebug.fit(tmp_path)


# -- the report ----------------------------------------------------------------------------------------------------


def test_the_report_says_what_it_took_and_survives_json():
    report = nbdebug.fit(overfitting(), resamples=20)
    assert "took train_loss as the training loss, val_loss as the validation loss" in report.subject
    assert nbdebug.Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    assert nbdebug.last_report() is report


def test_the_panels_show_curves_spans_and_experiments(tmp_path):
    report = nbdebug.fit(overfitting(30) | {"acc": falling(30)}, resamples=20)
    by_title = {panel.title: panel for panel in report.result.panels()}
    assert set(by_title["the losses"].series) == {"train_loss", "val_loss", "overfitting"}
    span = by_title["the losses"].own_x["overfitting"]
    assert span == (report.result.named("overfitting").first, 29)
    assert "half of the training samples" in by_title["what the curves say"].rows[0][-1]
    assert {"accuracy", "which column is what", "what could not be said"} <= set(by_title)
    assert "ND703" in str(report)
    assert report.figure() is not None
    assert (tmp_path / "fit.html").exists() or report.save(str(tmp_path / "fit.html"))


def test_of_two_validation_losses_in_a_watch_the_one_that_was_logged_counts():
    steps = range(40)
    history = pandas.DataFrame({
        "loss": [1 / (1 + s) for s in steps], "validation loss": [2 / (1 + s) for s in steps], "val_loss": [3 / (1 + s) for s in steps],
    })  # fmt: skip
    taken = {took.role: took.column for took in nbdebug.fit(history).result.taken}
    assert taken["validation loss"] == "val_loss"
