"""`%nbdebug data`, `show_batch` and their lines: over a training, and over data alone."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import Kernel
from tests.notebook.test_magics import CALL, TRAINING, usage_error

IMPORTS = """
import numpy as np, pandas as pd
from torch.utils.data import DataLoader, TensorDataset
rng = np.random.default_rng(0)
"""
FRAME = "pd.DataFrame({'size': rng.normal(size=60), 'rooms': rng.integers(1, 6, 60), 'price': rng.normal(size=60)})"
DATASET = "TensorDataset(torch.rand(40, 1, 8, 8), torch.randint(0, 3, (40,)))"


@pytest.fixture
def notebook(fresh: Kernel) -> Kernel:
    assert fresh.run(IMPORTS).status == "ok"
    return fresh


def called(kernel: Kernel, line: str) -> str:
    """The Python call that the line prints; it is true: run as it stands it gives the same report."""
    run = kernel.run(f"report = {line}")
    assert run.status == "ok", run.traceback or run.stderr
    printed = run.stdout.strip()
    again = kernel.run(f"{printed.rpartition(chr(10))[0]}\nagain = {printed.splitlines()[-1]}\nprint(again.subject == report.subject, again.findings == report.findings)")
    assert again.stdout.split() == ["True", "True"], again.traceback
    return printed.splitlines()[-1]


@pytest.mark.parametrize("verb, function", [("data", "data_audit"), ("show_batch", "show_batch")])
def test_over_a_training_it_takes_the_training(fresh, verb, function):
    assert fresh.run(TRAINING).status == "ok"
    run = fresh.run(f"%nbdebug {verb}")
    assert run.stdout.splitlines() == [CALL, f"nbdebug.{function}(setup)"]
    assert len(run.pictures) == 1


def test_a_frame_its_target_and_what_it_is_validated_on(notebook):
    notebook.run(f"df, held_out = {FRAME}, {FRAME}")
    assert called(notebook, "%nbdebug data df --target price val=held_out") == "nbdebug.data_audit(df, val=held_out, target='price')"
    assert "DataFrame of 60 rows" in notebook.run("%nbdebug data df").displays[-1]["text/plain"]


def test_a_dataset_and_its_kind(notebook):
    notebook.run(f"train_set, val_set = {DATASET}, {DATASET}")
    assert called(notebook, "%nbdebug data train_set val=val_set --kind image") == "nbdebug.data_audit(train_set, val=val_set, kind='image')"


@pytest.mark.parametrize(
    "made, call",
    [
        (f"train_df, test_df = {FRAME}, {FRAME}", "(train_df, val=test_df)"),
        (f"df = {FRAME}", "(df)"),
        (f"train_loader, test_loader = DataLoader({DATASET}, 8), DataLoader({DATASET}, 8)", "(train_loader, val=test_loader)"),
        (f"training_set, validation_set = {DATASET}, {DATASET}", "(training_set, val=validation_set)"),
        (f"train_loader, val_set = DataLoader({DATASET}, 8), {DATASET}", "(train_loader, val=val_set)"),
        (f"val_set, test_set = {DATASET}, {DATASET}\nloader = DataLoader({DATASET}, 8)", "(loader, val=val_set)"),
        (f"train_loader = DataLoader({DATASET}, 8)\nval_one, val_two = {DATASET}, {DATASET}", "(train_loader)"),  # which of them?
        (f"train_loader = DataLoader({DATASET}, 8, collate_fn=lambda samples: torch.stack([x for x, _ in samples]))\nval_set = {DATASET}", "(train_loader)"),
        ("X, y = rng.normal(size=(50, 3)), rng.integers(0, 2, 50)", "((X, y))"),
        (f"X_train, y_train = {FRAME}, rng.integers(0, 2, 60)\nX_test, y_test = {FRAME}, rng.integers(0, 2, 60)", "((X_train, y_train), val=(X_test, y_test))"),
        (f"model = nn.Linear(2, 2)\ndf = {FRAME}", "(df)"),  # a model that has nothing to learn from yet
    ],
)
def test_without_a_training_it_takes_the_data_that_there_is(notebook, made, call):
    assert notebook.run(made).status == "ok"
    assert called(notebook, "%nbdebug data") == f"nbdebug.data_audit{call}"
    assert called(notebook, "%nbdebug show_batch") == f"nbdebug.show_batch{call}"


def test_a_path_is_printed_as_one(notebook, tmp_path):
    notebook.run(f"{FRAME}.to_csv({str(tmp_path / 'houses.csv')!r}, index=False)")
    path = str(tmp_path / "houses.csv")
    assert called(notebook, f'%nbdebug data "{path}" --target price') == f"nbdebug.data_audit({path!r}, target='price')"


def test_a_tokenizer_is_a_variable(notebook):
    notebook.run(
        "class Words:\n    def decode(self, ids): return ' '.join(f'word{i}' for i in ids)\n"
        "tok, batches = Words(), [{'input_ids': torch.randint(3, 90, (4, 12)), 'labels': torch.zeros(4).long()}]"
    )
    run = notebook.run("%nbdebug show_batch batches --n 2 --tokenizer tok")
    assert run.stdout.strip() == "nbdebug.show_batch(batches, n=2, tokenizer=tok)"
    assert run.displays[-1]["text/plain"].count("word") > 10


@pytest.mark.parametrize(
    "made, line, said",
    [
        ("x = 1", "%nbdebug data", "no model and no data was found"),
        (f"prices, houses = {FRAME}, {FRAME}", "%nbdebug data", "prices, houses could each be the data: say which, as in %nbdebug data prices"),
        ("x = 1", "%nbdebug data missing", "there is no variable 'missing'"),
        ("x = 1", "%nbdebug data no/such/folder", "neither a variable nor a file or folder 'no/such/folder'"),
        (f"df = {FRAME}", "%nbdebug data df model=df", "say one of them"),
        (f"df = {FRAME}", "%nbdebug data df other", "does not know what to do with 'other': what df is validated on is written val=other"),
        (f"df = {FRAME}", "%nbdebug data df --val other", "there is no option --val: write val=other"),
        (f"df = {FRAME}", "%nbdebug data df --targt price", "did you mean --target?"),
    ],
)
def test_what_is_wrong_with_a_line(notebook, made, line, said):
    assert notebook.run(made).status == "ok"
    assert said in usage_error(notebook, line)


def test_help_and_completion(notebook):
    notebook.run(f"df, number = {FRAME}, 3")
    text = notebook.run("%nbdebug data?").stdout or notebook.run("%nbdebug data --help").stdout
    assert "[DATA]" in text and "%nbdebug data df val=val_df" in text and "also called: data" in text
    assert "also called: loader" in notebook.run("%nbdebug loader --help").stdout
    assert notebook.complete("%nbdebug data d") == ["%nbdebug data df"]
    assert notebook.complete("%nbdebug data df val=") == ["%nbdebug data df val=df"]
    assert "%nbdebug data df --target" in notebook.complete("%nbdebug data df --t")
    assert "%nbdebug show_batch" in notebook.complete("%nbdebug show")
