"""`%nbdebug why` in a real kernel: a cell raises, and the cell, the line and a mend are named."""

from __future__ import annotations

import re

import pytest

from tests.notebook.conftest import Kernel

MODEL = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(784, 16)

    def forward(self, x):
        return self.body(x)

net = Net()
"""
IMPORTED = """
import sys, pathlib, tempfile
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "their_model.py").write_text('''
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(784, 16)

    def forward(self, x):
        return self.body(x)
''')
sys.path.insert(0, str(folder))
from their_model import Net
net = Net()
"""
LAST = "report = nbdebug.last_report(); crash = report.result\n"


@pytest.fixture
def raised(fresh: Kernel) -> Kernel:
    assert fresh.run(MODEL).status == "ok"
    assert fresh.run("pictures = torch.rand(4, 1, 28, 28)\nout = net(pictures)").error == "RuntimeError"
    return fresh


def told(kernel: Kernel, what: str) -> str:
    run = kernel.run(LAST + f"print({what})")
    assert run.status == "ok", run.traceback
    return run.stdout.strip()


def test_the_cell_the_line_and_the_mend_are_named(fresh):
    defined = fresh.run(MODEL)
    fresh.run("pictures = torch.rand(4, 1, 28, 28)\nout = net(pictures)")
    run = fresh.run("%nbdebug why")
    assert run.status == "ok", run.traceback
    assert "nbdebug.why()" in run.stdout
    (picture,) = run.pictures
    assert f"Cell In[{defined.number}], line 7" in picture
    assert "body (Linear) wants 784" in picture
    assert told(fresh, "crash.mends[0].code") == "return self.body(x.flatten(1))"
    assert told(fresh, "crash.mends[0].tried").startswith("works")


def test_the_cell_is_the_one_that_was_run_again(fresh):
    fresh.run(MODEL)
    again = fresh.run(MODEL.replace("class Net", "\n\nclass Net"))
    fresh.run("out = net(torch.rand(4, 1, 28, 28))")
    fresh.run("%nbdebug why")
    assert told(fresh, "crash.location") == f"Cell In[{again.number}], line 9 · body · torch.nn.functional.linear"


def test_a_model_in_an_imported_module(fresh):
    assert fresh.run(IMPORTED).status == "ok"
    fresh.run("out = net(torch.rand(4, 1, 28, 28))")
    fresh.run("%nbdebug why")
    place = told(fresh, "crash.location")
    assert "their_model.py, line 10" in place and "body" in place
    assert told(fresh, "crash.mends[0].works") == "True"


def test_in_python_it_is_the_same(raised):
    run = raised.run("nbdebug.why()")
    assert run.status == "ok" and "wants 784" in run.pictures[0]


def test_a_given_exception(raised):
    cell = "try:\n    net(torch.rand(2, 3))\nexcept RuntimeError as error:\n    kept = error\nprint(nbdebug.why(kept).result.operands[0].shape)"
    assert raised.run(cell).stdout.strip() == "(2, 3)"


def test_the_variables_are_as_they_were(raised):
    before = raised.run("print(net.body.weight.sum().item(), net.body.weight.grad, torch.get_rng_state().sum().item(), sorted(n for n in dir() if n[0] != '_'))").stdout
    raised.run("%nbdebug why")
    after = raised.run("print(net.body.weight.sum().item(), net.body.weight.grad, torch.get_rng_state().sum().item(), sorted(n for n in dir() if n[0] != '_'))").stdout
    assert before == after


def test_the_loop_of_a_cell(fresh):
    fresh.run("model = nn.Linear(3, 4)\ncriterion = nn.CrossEntropyLoss()\ndata = [(torch.randn(5, 3), torch.arange(5) % 4 + 1)]")
    cell = fresh.run("for x, y in data:\n    loss = criterion(model(x), y)\n    loss.backward()\n")
    fresh.run("%nbdebug why")
    assert told(fresh, "crash.location.cell, crash.location.line") == f"{cell.number} 2"
    assert told(fresh, "crash.mends[0].code") == "loss = criterion(model(x), y - 1)"


def test_no_exception_is_said(kernel):
    run = kernel.run("import sys\nfor name in ('last_exc', 'last_value'):\n    vars(sys).pop(name, None)\n")
    assert run.status == "ok"
    run = kernel.run("%nbdebug why")
    assert run.error == "SetupError" and "no exception" in run.traceback
    assert "nbdebug/" not in run.traceback


def test_an_exception_of_python_gets_a_short_answer(fresh):
    fresh.run("labels = {'a': 1}\nlabels['b']")
    run = fresh.run("%nbdebug why")
    assert run.status == "ok" and "KeyError" in run.pictures[0]
    assert told(fresh, "len(crash.mends), crash.tensors, len(report.findings)") == "0 False 0"


def test_memory_comes_back(fresh):
    fresh.run("import weakref\ndef step():\n    big = torch.zeros(1000)\n    global kept\n    kept = weakref.ref(big)\n"
              "    raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 20.00 MiB.')")  # fmt: skip
    fresh.run("step()")
    assert fresh.run("print(kept() is None)").stdout.strip() == "False"
    run = fresh.run("%nbdebug why")
    assert run.status == "ok" and "let go" in run.pictures[0]
    assert fresh.run("print(kept() is None)").stdout.strip() == "True"


def test_every_word_of_help_is_there(kernel):
    assert re.search(r"why\s+Explains the last exception", kernel.run("%nbdebug").stdout)
    assert "nbdebug.why()" in kernel.run("%nbdebug why?").stdout
