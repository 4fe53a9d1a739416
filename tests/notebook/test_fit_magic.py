"""`%nbdebug fit`: a variable, a path, or what was watched last."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import Kernel
from tests.notebook.test_magics import usage_error

CURVES = """
import pandas as pd, torch
from torch import nn
falling = [2.0 * 0.9**i + 0.1 for i in range(60)]
df = pd.DataFrame({"step": range(60), "train": falling, "loss_a": falling, "loss_b": falling})
spaced = {"loss a": falling, "loss b": falling}
history = {"loss": falling, "val_loss": [1.0 + 0.02 * i for i in range(60)]}
"""
WATCHED = """%%nbdebug watch
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(30):
    optimizer.zero_grad()
    model(torch.ones(8, 4)).pow(2).mean().backward()
    optimizer.step()
"""


@pytest.fixture
def notebook(fresh: Kernel) -> Kernel:
    assert fresh.run(CURVES).status == "ok"
    return fresh


def test_a_variable_is_read_and_the_call_is_printed(notebook):
    run = notebook.run("report = %nbdebug fit history")
    assert run.status == "ok", run.traceback
    assert run.stdout.splitlines()[-1] == "nbdebug.fit(history)"
    assert len(run.pictures) == 1
    again = notebook.run("import nbdebug\nprint(nbdebug.fit(history).findings == report.findings, [f.code for f in report.findings])")
    assert again.stdout.strip() == "True ['ND703']"


def test_options_name_the_columns(notebook):
    run = notebook.run("%nbdebug fit df --training loss_a --resamples 20")
    assert run.stdout.splitlines()[-1] == "nbdebug.fit(df, training='loss_a', resamples=20)"


def test_a_path(notebook, tmp_path):
    path = str(tmp_path / "log.csv")
    notebook.run(f"pd.DataFrame(history).to_csv({path!r}, index=False)")
    run = notebook.run(f'%nbdebug fit "{path}"')
    assert run.stdout.splitlines()[-1] == f"nbdebug.fit({path!r})"


def test_without_a_word_it_takes_the_last_watch(notebook):
    assert "nothing was watched yet" in usage_error(notebook, "%nbdebug fit")
    assert notebook.run(WATCHED).status == "ok"
    run = notebook.run("%nbdebug fit")
    assert run.stdout.splitlines()[-1] == "nbdebug.fit(watch)"
    assert "watch of 30 steps" in run.displays[-1]["text/plain"]


@pytest.mark.parametrize(
    "line, said",
    [
        ("%nbdebug fit df", "loss_a and loss_b could each be the training loss: say which, as in --training loss_a; there are"),
        ("%nbdebug fit spaced", 'as in --training "loss a"'),
        ("%nbdebug fit missing", "there is no variable 'missing'"),
        ("%nbdebug fit df history", "does not know what to do with 'history'"),
        ("%nbdebug fit df --trainin x", "did you mean --training?"),
    ],
)
def test_what_is_wrong_with_a_line(notebook, line, said):
    assert said in usage_error(notebook, line)


def test_help_and_completion(notebook):
    text = notebook.run("%nbdebug fit --help").stdout
    assert "[HISTORY]" in text and "--same-mode" in text and "nbdebug.fit(history, training=None" in text
    assert "%nbdebug fit df --training" in notebook.complete("%nbdebug fit df --t")
    assert notebook.complete("%nbdebug fit hist") == ["%nbdebug fit history"]
    assert "%nbdebug fit df" in notebook.complete("%nbdebug fit ")
    assert "%nbdebug fit df df" not in notebook.complete("%nbdebug fit df ")
