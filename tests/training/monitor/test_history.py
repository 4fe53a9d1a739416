"""What is kept of the ranks' words."""

from __future__ import annotations

import math

from nbdebug.training.history import History, table


def row(step, rank=0, attempt=0, kind="metric", epoch=0, **metrics):
    return {"k": kind, "r": rank, "a": attempt, "step": step, "epoch": epoch, "metrics": metrics}


def heard(*events):
    history = History()
    for event in events:
        history.hear(event)
    return history


def test_training_and_validation_of_a_step_stand_in_one_row():
    history = heard(row(1, loss=2.0), row(2, loss=1.0), row(2, kind="validation", loss=1.5, val_f1=0.3))
    assert table(history.rows) == [{"step": 1, "epoch": 0, "loss": 2.0}, {"step": 2, "epoch": 0, "loss": 1.0, "val_loss": 1.5, "val_f1": 0.3}]


def test_a_number_that_json_has_no_word_for_is_a_number_again():
    (only,) = table(heard(row(1, loss={"float": "nan"})).rows)
    assert math.isnan(only["loss"])


def test_what_an_earlier_attempt_measured_after_the_checkpoint_is_left_out():
    history = heard(row(1, loss=3.0), row(2, loss=2.0), row(3, loss=9.0), row(2, attempt=1, loss=2.5))
    assert [(r["step"], r["loss"]) for r in table(history.rows)] == [(1, 3.0), (2, 2.5)]


def test_of_ranks_that_all_tell_the_first_one_counts():
    assert [r["loss"] for r in table(heard(row(1, rank=1, loss=5.0), row(1, rank=0, loss=4.0)).rows)] == [4.0]


def test_a_note_is_kept_once():
    assert heard(*[{"k": "note", "r": rank, "text": "batch norm is not synchronised"} for rank in (0, 1)]).notes == ["batch norm is not synchronised"]
