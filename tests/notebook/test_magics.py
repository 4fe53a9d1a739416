"""`%nbdebug` in a real kernel: what it shows, what it says when the line is wrong, what an interrupt leaves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.notebook.conftest import Kernel

TRAINING = """
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.randn(32, 3), torch.randint(0, 2, (32,)))
train_dl = DataLoader(data, batch_size=8, shuffle=True)
net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
criterion = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters())
"""
CALL = "setup = nbdebug.TrainingSetup(model=net, loss_fn=criterion, optimizer=opt, train_loader=train_dl)"
COUNTING = """
import time
from dataclasses import dataclass
from typing import Literal
from nbdebug.instruments.base import instrument
from nbdebug.page import Note

@dataclass(frozen=True)
class Count:
    steps: int
    def panels(self):
        return (Note("count", f"counted to {self.steps}"),)

@instrument("model", title="counting", level="own", result=Count)
def counting(setup, *, steps: int = 3, way: Literal["up", "down"] = "up", loud: bool = False):
    '''Counts.'''
    for step in range(1, steps + 1):
        if step == 5:
            print("at five", flush=True)
        if step > 5:
            time.sleep(0.05)
        yield Count(step)
"""


@pytest.fixture
def training(fresh: Kernel) -> Kernel:
    assert fresh.run(TRAINING).status == "ok"
    return fresh


@pytest.fixture
def counting(training: Kernel):
    assert training.run(COUNTING).status == "ok"
    yield training
    training.run("from nbdebug.instruments.base import INSTRUMENTS; INSTRUMENTS.pop('counting')")


def usage_error(kernel: Kernel, line: str) -> str:
    """The sentence that a wrong line gets, and that there is no traceback."""
    run = kernel.run(line)
    assert run.status == "error" and not run.traceback and not run.error
    assert run.stderr.startswith("UsageError: ")
    return run.stderr.removeprefix("UsageError: ").strip()


def test_alone_it_lists_the_verbs_in_the_order_to_reach_for_them(kernel):
    lines = kernel.run("%nbdebug").stdout.splitlines()
    verbs = [line.split()[1] for line in lines if line.startswith("%nbdebug ") and "VERB" not in line]
    assert verbs[:2] == ["setup", "checkup"]
    assert verbs[-2:] == ["explain", "codes"]
    assert "first_step" in verbs


def test_setup_says_what_it_took_and_prints_the_python_call(training):
    run = training.run("%nbdebug setup")
    assert run.stdout.strip() == CALL
    assert "Sequential" in run.displays[0]["text/plain"]
    assert "steps" not in run.displays[0]["text/plain"].split("train_dl")[0]
    assert "<table" in run.pictures[0]
    assert training.run(CALL).status == "ok"


def test_the_printed_lines_import_what_the_notebook_lacks(training):
    run = training.run("del nbdebug\n%nbdebug setup")
    assert run.stdout.splitlines() == ["import nbdebug", CALL]
    assert training.run("import nbdebug").status == "ok"


def test_setup_leaves_no_variable_behind(training):
    before = training.run("print(sorted(n for n in globals() if not n.startswith('_')))").stdout
    assert training.run("%nbdebug setup").status == "ok"
    assert training.run("print(sorted(n for n in globals() if not n.startswith('_')))").stdout == before


def test_checkup_shows_one_report(training):
    run = training.run("%nbdebug checkup")
    assert run.stdout.splitlines() == [CALL, "nbdebug.checkup(setup)"]
    assert len(run.pictures) == 1
    assert run.displays[-1]["text/plain"].startswith("checkup")


def test_an_assigned_report_is_shown_once_and_is_a_report(counting):
    run = counting.run("report = %nbdebug counting --steps 2")
    assert [text.count("counted to 2") for text in run.pictures] == [1]
    assert counting.run("print(type(report).__name__, report.result.steps)").stdout.strip() == "Report 2"
    assert len(counting.run("report").pictures) == 1
    assert counting.run("print(nbdebug.last_report() is report)").stdout.strip() == "True"


def test_a_report_is_shown_once_in_the_middle_and_at_the_end_of_a_cell(counting):
    assert len(counting.run("%nbdebug counting").pictures) == 1
    assert len(counting.run("%nbdebug counting\nx = 1").pictures) == 1


def test_every_instrument_is_a_verb_with_its_options(counting):
    run = counting.run("%nbdebug counting --steps 4 --way down --loud --budget '5 s'")
    assert run.stdout.splitlines()[-1] == (
        "nbdebug.instruments.base.INSTRUMENTS['counting'](setup, steps=4, way='down', loud=True, budget='5 s')"
    )
    assert "counted to 4" in run.pictures[0]


def test_what_setup_was_told_holds_and_what_a_verb_is_told_holds_once(training):
    assert training.run("other = nn.Linear(3, 2); CE = nn.CrossEntropyLoss()").status == "ok"
    assert training.run("%nbdebug setup model=other loss_fn=CE").status == "ok"
    assert "model=other, loss_fn=CE" in training.run("%nbdebug first_step").stdout
    assert "model=net, loss_fn=CE" in training.run("%nbdebug first_step model=net").stdout
    assert "model=other, loss_fn=CE" in training.run("%nbdebug first_step").stdout
    assert "model=net, loss_fn=criterion" in training.run("%nbdebug setup").stdout


def test_a_variable_that_was_made_anew_is_found_anew(training):
    assert training.run("%nbdebug setup model=net").status == "ok"
    run = training.run("net = nn.Linear(3, 2); opt = torch.optim.SGD(net.parameters(), 0.1)\n%nbdebug checkup")
    assert "Linear · 8 parameters · SGD" in run.displays[-1]["text/plain"]


def test_the_users_own_setup_is_taken_as_it_is(training):
    assert training.run(CALL.replace("setup =", "mine =")).status == "ok"
    assert training.run("%nbdebug first_step").stdout.strip() == "nbdebug.first_step(mine)"


def test_explain_and_codes_show_pages(kernel):
    assert "ND401" in kernel.run("%nbdebug explain ND401").pictures[0]
    assert "ND401" in kernel.run("%nbdebug codes").pictures[0]


@pytest.mark.parametrize("line", ["%nbdebug counting?", "%nbdebug counting --help", "x = 1\n%nbdebug counting ?"])
def test_help_shows_the_options(counting, line):
    text = counting.run(line).stdout
    assert text.startswith("%nbdebug counting [role=variable …] [--steps INT] [--way up|down] [--loud | --no-loud]")
    assert "Counts." in text


@pytest.mark.parametrize(
    "line, sentence",
    [
        ("%nbdebug chekup", "%nbdebug has no verb 'chekup': did you mean checkup?"),
        ("%nbdebug dta", "%nbdebug has no verb 'dta': did you mean data?"),
        ("%nbdebug compare", "%nbdebug has no verb 'compare': did you mean compare_runs?"),
        ("%nbdebug compare_data", "%nbdebug has no verb 'compare_data': nbdebug.compare_data is a function, to be called in Python"),
        ("%nbdebug xyz", "%nbdebug has no verb 'xyz': there is setup, checkup, levels, data, loader, first_step"),
        ("%nbdebug explain ND999", "%nbdebug explain: no check has the code ND999: its station (your own checks) has ND900; nbdebug.codes() lists them all"),
        ("%nbdebug checkup --buget 3", "%nbdebug checkup: there is no option --buget: did you mean --budget?"),
        ("%nbdebug checkup model=nett", "%nbdebug checkup: there is no variable 'nett' in this notebook"),
        ("%nbdebug checkup 20", "%nbdebug checkup does not know what to do with '20': write --budget \"20 s\" or model=net"),
        ("%nbdebug codes model=net", "%nbdebug codes does not know what to do with 'model='"),
        ("%nbdebug explain", "%nbdebug explain needs a code, such as %nbdebug explain ND401"),
        ("%nbdebug explain ND4", "%nbdebug explain: a code looks like ND401, got 'ND4'"),
        ("%%nbdebug checkup\nx = 1", "%%nbdebug checkup runs over no cell: write %nbdebug checkup, with one %, on a line of its own"),
        ("%nbdebug setup --precision half", "%nbdebug setup: --precision is one of 32-true"),
        ("%nbdebug setup model=3", "%nbdebug setup: '3' is more than the name of a variable"),
        ("%nbdebug setup model=opt", "%nbdebug setup: model must be a torch.nn.Module, got Adam"),
    ],
)
def test_a_wrong_line_gets_one_sentence_and_no_traceback(training, line, sentence):
    said = usage_error(training, line)
    assert said.startswith(sentence)
    assert "\n" not in said


def test_a_notebook_without_a_model_is_told_so(fresh):
    assert usage_error(fresh, "%nbdebug checkup").startswith("%nbdebug checkup: no model was found")


def test_an_error_of_nbdebug_shows_as_one_line(training):
    run = training.run("empty = []\n%nbdebug first_step train_loader=empty")
    assert (run.error, run.traceback.count("\n")) == ("SetupError", 0)
    assert "train_loader" in run.traceback


def test_an_interrupt_keeps_what_there_is_and_goes_on(counting):
    run = counting.run("%nbdebug counting --steps 1000", interrupt_on="at five")
    assert (run.status, run.error) == ("error", "KeyboardInterrupt")
    assert len(run.pictures) == 1
    assert "interrupted" in run.pictures[0].lower()
    kept = counting.run("r = nbdebug.last_report(); print(r.stopped, 4 <= r.result.steps < 1000)").stdout
    assert kept.strip() == "interrupted True"


def test_reloading_keeps_one_magic_and_unloading_takes_all_off(kernel):
    counts = (
        "ip = get_ipython()\n"
        "print(len(ip.Completer.custom_matchers), len(ip.input_transformers_cleanup), len(ip.events.callbacks['post_execute']))"
    )
    loaded = kernel.run(counts).stdout
    assert kernel.run("%reload_ext nbdebug").status == "ok"
    assert kernel.run(counts).stdout == loaded
    assert kernel.run("%unload_ext nbdebug").status == "ok"
    assert [int(n) for n in kernel.run(counts).stdout.split()] == [int(n) - 1 for n in loaded.split()]
    assert "not found" in usage_error(kernel, "%nbdebug")
    assert kernel.run("%load_ext nbdebug").status == "ok"
    assert kernel.run("%nbdebug").status == "ok"


def test_loading_brings_in_none_of_the_heavy_packages():
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell();"
        "shell.run_line_magic('load_ext', 'nbdebug'); assert 'nbdebug' in shell.magics_manager.magics['line'];"
        "print(sorted({'matplotlib', 'seaborn', 'pandas', 'ipywidgets'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
