"""`%nbdebug launch | attach | runs | compare_runs`: a full run from a line, and found again from another."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import Kernel
from tests.notebook.test_magics import usage_error

SETTING = """
import os
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
x = torch.randn(64, 4)
train_loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8)
model = nn.Linear(4, 2)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
os.environ["NBDEBUG_RUNS"] = {runs!r}
cfg = {{"optimizer": {{"type": "sgd", "lr": 0.05}}}}
"""

INTERRUPTED_WHEN_SEEN = """
import signal, threading, time
from nbdebug.training.view import showing

def soon():
    while not any(run.step and not run.ended and showing.of(run).in_sight for run in list(nbdebug.training.run.known.values())):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.fixture
def notebook(fresh: Kernel, tmp_path) -> Kernel:
    assert fresh.run(SETTING.format(runs=str(tmp_path / "runs"))).status == "ok"
    yield fresh
    fresh.run("for run in list(nbdebug.training.run.known.values()): run.kill(), run._keeper.join(10)")


def test_the_training_is_found_and_the_call_is_printed(notebook):
    run = notebook.run("run = %nbdebug launch -n 2 --wait --config cfg epochs=2 optimizer.momentum=0.9 name=small precision=bf16-mixed")
    assert run.status == "ok", run.traceback
    said = run.stdout.splitlines()
    assert said[-1] == "nbdebug.launch(setup, num_processes=2, wait=True, config=cfg, name='small', precision='bf16-mixed', epochs=2, **{'optimizer.momentum': 0.9})"
    assert len(run.pictures) == 1 and "widget-view" not in str(run.displays)  # the box became a page
    assert "done · step 8 · epoch 2 of 2" in run.displays[0]["text/plain"]
    checked = notebook.run("print(run.state, len(run.ranks), run.id.endswith('small'), run.model is model)\nprint(nbdebug.training.config.read_config(run.folder.config).optimizer.momentum)")
    assert checked.stdout.split() == ["done", "2", "True", "True", "0.9"]


def test_a_run_of_its_own_function_goes_on_in_the_background_and_is_attached_to(notebook):
    notebook.run("def train(ctx):\n    while not ctx.should_stop():\n        ctx.log(step=1, loss=0.5)")
    run = notebook.run("run = %nbdebug launch train")
    assert run.status == "ok", run.traceback
    assert run.stdout.splitlines()[-1] == "nbdebug.launch(train)"
    assert any("application/vnd.jupyter.widget-view+json" in bundle for bundle in run.displays)
    again = notebook.run("same = %nbdebug attach\nprint(same is run, run.ended)")
    assert again.stdout.splitlines()[-1] == "True False"
    assert notebook.complete("%nbdebug attach 2") == notebook.complete("%nbdebug attach ")[-1:]
    stopped = notebook.run("run.stop(grace=5)\nrun.wait()\nprint(run.state)")
    assert stopped.stdout.splitlines()[-1] == "interrupted"


def test_an_interrupt_while_waiting_stops_the_run_first(notebook):
    notebook.run("def train(ctx):\n    ctx.log(step=1, loss=0.5)\n    while not ctx.should_stop():\n        pass")
    assert notebook.run(INTERRUPTED_WHEN_SEEN).status == "ok"
    run = notebook.run("threading.Thread(target=soon).start()\n%nbdebug launch train --wait")
    assert run.error == "KeyboardInterrupt"
    assert "the run was stopped first" in run.traceback
    assert "interrupted" in run.displays[-1]["text/plain"] and "widget-view" not in str(run.displays)


@pytest.mark.parametrize(
    "line, said",
    [
        ("%nbdebug launch missing", "there is no variable 'missing'"),
        ("%nbdebug launch model=model train", "model= belongs to a training that is found, and train is one already"),
        ("%nbdebug launch --epochs 2", "there is no option --epochs"),
        ("%nbdebug launch a b", "does not know what to do with 'b'"),
        ("%nbdebug attach a b", "does not know what to do with 'b'"),
        ("%nbdebug compare_runs a", "needs two runs"),
    ],
)
def test_what_is_wrong_with_a_line(notebook, line, said):
    assert said in usage_error(notebook, line)


def test_a_configuration_that_cannot_be_meant_is_said_before_anything_starts(notebook):
    run = notebook.run("%nbdebug launch epoch=2")
    assert run.error == "ConfigError" and "epochs" in run.traceback


def test_help_and_completion(notebook):
    text = notebook.run("%nbdebug launch --help").stdout
    assert "-n, --num-processes INT" in text and "[epochs=2 …]" in text
    offered = notebook.complete("%nbdebug launch ")
    assert {"%nbdebug launch epochs=", "%nbdebug launch --config", "%nbdebug launch model="} <= set(offered)
    assert notebook.complete("%nbdebug launch --num") == ["%nbdebug launch --num-processes"]
