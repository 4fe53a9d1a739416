"""All runs as a table, whatever became of them."""

from __future__ import annotations

import json

import pandas

import nbdebug
from tests.training.record import made

FINDING = {"code": "ND809", "severity": "warning", "title": "straggler", "message": "rank 1 is slow", "advice": "", "location": {}}


def test_newest_first_with_what_one_looks_for(tmp_path):
    made.folder(tmp_path, name="old", losses=(2.0, 1.0), validation=(0.7, 0.4, 0.6))
    made.folder(tmp_path, made.setup(), name="new", config={"precision": "bf16-mixed"}, processes=2, findings=[FINDING, FINDING], resumed_from=str(tmp_path / "20260101-000000" / "checkpoints" / "step-1.pt"))
    table = nbdebug.runs(tmp_path)
    assert list(table["name"]) == ["new", "old"] and list(table["state"]) == ["done", "done"]
    new, old = table.iloc[0], table.iloc[1]
    assert (old["loss"], old["val_loss"], old["best"], old["best_step"], old["step"]) == (1.0, 0.6, 0.4, 2, 3)
    assert (new["findings"], new["processes"], new["precision"], new["resumed_from"]) == ("ND809", 2, "bf16-mixed", "20260101-000000")
    assert old["seconds"] == 2.0 and abs((pandas.Timestamp.now() - new["started"]).total_seconds()) < 60


def test_what_the_preflight_found_and_a_rank_that_failed_are_findings_too(tmp_path):
    made.folder(tmp_path, preflight=[{**FINDING, "code": "ND803"}], findings=[FINDING], state="failed", failure={"sentence": "rank 1 was killed", "etype": ""})
    assert nbdebug.runs(tmp_path)["findings"][0] == "ND803, ND808, ND809"


def test_more_is_better_where_it_is(tmp_path):
    folder = made.folder(tmp_path, config={"metrics": ["accuracy"], "checkpoint": {"monitor": "accuracy"}}, validation=())
    with folder.events(0).open("a") as file:
        for step, accuracy in ((1, 0.5), (2, 0.9), (3, 0.8)):
            file.write(json.dumps({"k": "validation", "r": 0, "a": 0, "t": 1.0, "step": step, "metrics": {"accuracy": accuracy}}) + "\n")
    row = nbdebug.runs(tmp_path).iloc[0]
    assert (row["monitor"], row["best"], row["best_step"], row["val_accuracy"]) == ("val_accuracy", 0.9, 2, 0.8)


def test_a_run_whose_kernel_died_is_lost(tmp_path):
    folder = made.folder(tmp_path, state="running")
    assert nbdebug.runs(tmp_path)["state"][0] == "running"
    folder.tell(keeper={**folder.about()["keeper"], "created": 1.0}, ended=None)
    row = nbdebug.runs(tmp_path).iloc[0]
    assert row["state"] == "lost" and row["seconds"] < 60
    assert nbdebug.attach(folder.id, tmp_path).state == "failed"  # who attaches is told why


def test_folders_that_are_torn_are_still_shown(tmp_path):
    folder = made.folder(tmp_path)
    folder.run_json.write_text('{"state": "do')
    folder.config.write_text("nonsense: [")
    with folder.events(0).open("a") as file:
        file.write('{"k": "metric", "r": 0, "st')
    row = nbdebug.runs(tmp_path).iloc[0]
    assert row["state"] == "unreadable" and row["loss"] == 0.6


def test_no_runs_are_an_empty_table(tmp_path):
    table = nbdebug.runs(tmp_path / "nothing")
    assert len(table) == 0 and "state" in table.columns
