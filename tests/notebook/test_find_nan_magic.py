"""`%%nbdebug find_nan` over a cell, in a real kernel: the cell is stopped before the first NaN, and the line it was born in is named."""

from __future__ import annotations

import json

import pytest

from nbdebug.notebook.over_cell import rewrite_first_line
from tests.notebook.conftest import Kernel, Run

MODEL = """import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
X, Y = torch.randn(64, 3), torch.randint(0, 2, (64,))
X[40, 1] = -50
train_loader = DataLoader(TensorDataset(X, Y), batch_size=8)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 8), nn.Linear(8, 2)
    def forward(self, x):
        far = (x + 60).log()
        return self.last(self.first(far).relu())
net = Net()
opt = torch.optim.SGD(net.parameters(), 0.01)
criterion = nn.CrossEntropyLoss()
"""
LOOP = """for x, y in train_loader:
    opt.zero_grad()
    loss = criterion(net(x), y)
    loss.backward()
    opt.step()
"""
BAD = LOOP.replace("    loss.backward()", "    loss = loss + (x + 40).log().mean()\n    loss.backward()")
ASK = """
import json
r = nbdebug.last_report()
o = r.result.origin
print(json.dumps({"instrument": r.instrument, "steps": r.result.steps, "reproduced": r.result.reproduced,
    **({"cell": o.cell, "line": o.line, "file": o.file, "text": o.text, "codes": [f.code for f in r.findings]} if o else {})}))
"""


@pytest.fixture
def model(fresh: Kernel) -> Kernel:
    made = fresh.run(MODEL)
    assert made.status == "ok", made.traceback
    return fresh


def armed(kernel: Kernel, cell: str = BAD, options: str = "") -> Run:
    return kernel.run(f"%%nbdebug find_nan{options}\n{cell}")


def told(kernel: Kernel) -> dict:
    return json.loads(kernel.run(ASK).stdout)


def test_the_line_of_the_cell_is_named_and_the_cell_stopped(model):
    run = armed(model)
    assert (run.status, run.error) == ("error", "NotFinite")
    assert f"Cell In[{run.number}], line 5" in run.traceback
    assert "nbdebug/" not in run.traceback and run.traceback.count("\n") == 0
    assert run.stdout.splitlines()[-1] == "with nbdebug.armed() as armed: …"
    assert len(run.pictures) == 1
    found = told(model)
    assert (found["cell"], found["line"], found["text"]) == (run.number, 5, "loss = loss + (x + 40).log().mean()")
    assert (found["steps"], found["reproduced"], found["codes"]) == (5, True, ["ND308"])
    assert model.run("print(all(p.isfinite().all() for p in net.parameters()), 'armed' in globals())").stdout.strip() == "True False"


def test_a_sound_cell_runs_to_its_end_and_is_told_so(model):
    run = armed(model, LOOP + "loss.item() > 0")
    assert run.status == "ok", run.traceback
    assert len(run.pictures) == 1
    assert told(model) == {"instrument": "find_nan", "steps": 8, "reproduced": None}
    assert "True" in [bundle.get("text/plain") for bundle in run.displays]


def test_a_cell_that_was_run_again_is_named_by_its_new_number(model):
    step = "def step(x, y):\n    opt.zero_grad()\n    loss = criterion(net(x), y)\n    loss = loss {}\n    loss.backward()\n    opt.step()\n"
    model.run(step.format("+ 0"))
    model.run("pass")
    second = model.run("\n" + step.format("+ (x + 40).log().mean()"))
    run = armed(model, "for x, y in train_loader:\n    step(x, y)")
    found = told(model)
    assert (found["cell"], found["line"], found["reproduced"]) == (second.number, 5, True)
    third = model.run("\n" + step.format("+ (x + 40).log().mean()"))  # the very same text
    armed(model, "for x, y in train_loader:\n    step(x, y)")
    assert (told(model)["cell"], told(model)["line"]) == (third.number, 5)
    assert run.error == "NotFinite"


def test_the_line_of_another_cell_of_a_model_is_named(model):
    defined = model.run(MODEL.replace("x + 60", "x + 40"))
    armed(model, LOOP)
    found = told(model)
    assert (found["cell"], found["line"], found["text"]) == (defined.number, 13, "far = (x + 40).log()")


def test_the_line_of_an_imported_module_is_named(model, tmp_path):
    body = "def train(net, opt, criterion, train_loader):\n" + "".join(f"    {line}\n" for line in BAD.splitlines())
    (tmp_path / "my_training.py").write_text(f"import torch\n\n\n{body}")
    run = armed(model, f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport my_training\nmy_training.train(net, opt, criterion, train_loader)")
    assert run.error == "NotFinite", run.traceback
    found = told(model)
    assert (found["cell"], found["line"], found["reproduced"]) == (None, 8, True)
    assert found["file"].endswith("my_training.py")


def test_a_timed_cell_and_a_magic_inside(model):
    run = armed(model, "import asyncio\nawait asyncio.sleep(0)\n" + BAD)
    assert run.error == "NotFinite"
    assert (told(model)["cell"], told(model)["line"]) == (run.number, 7)
    timed = armed(model, "%%time\n" + BAD)
    assert timed.error == "NotFinite"
    assert told(model)["codes"]


def test_what_the_loop_prints_is_printed_once(model):
    run = armed(model, BAD.replace("    opt.zero_grad()", "    print('step')\n    opt.zero_grad()"))
    assert run.stdout.count("step") == 6


def test_options_are_those_of_the_call(model, tmp_path):
    run = armed(model, options=f" --no-stop --capsule {tmp_path}")
    assert run.status == "ok", run.traceback
    assert run.stdout.splitlines()[-1] == f"with nbdebug.armed(stop=False, capsule='{tmp_path}') as armed: …"
    assert len(list(tmp_path.glob("*.nbd"))) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (" --stp", "%nbdebug find_nan: there is no option --stp: did you mean --stop?"),
        (" model=net", "%%nbdebug find_nan takes no variables, got model=: it finds everything else by itself"),
        (" 20", "%nbdebug find_nan does not know what to do with '20'"),
    ],
)
def test_a_wrong_line_gets_one_sentence_and_the_cell_does_not_run(model, options, sentence):
    run = armed(model, "ran = True", options)
    assert run.status == "error"
    assert sentence in run.traceback + run.stderr
    assert model.run("print('ran' in globals())").stdout.strip() == "False"
    assert armed(model, LOOP).status == "ok"


def test_a_cell_that_trains_nothing_is_told_so(model):
    run = armed(model, "x = 1 + 1\nx")
    assert "no training step was seen" in run.stdout
    assert run.pictures == []


def test_nothing_is_left_patched_after_a_cell(model):
    ask = "print(nn.Module.__call__, torch.autograd.backward, DataLoader.__iter__, torch.amp.GradScaler.scale)"
    before = model.run(ask).stdout
    armed(model)
    armed(model, LOOP + "raise ValueError")
    assert model.run(ask).stdout == before


def test_both_faces_have_their_help_and_completion(model):
    text = model.run("%nbdebug find_nan?").stdout
    assert text.startswith("%nbdebug find_nan [role=variable …]") and "%%nbdebug find_nan [--stop | --no-stop]" in text
    assert "%%nbdebug find_nan" in model.run("%nbdebug").stdout
    assert model.complete("%%nbdebug find") == ["%%nbdebug find_nan"]
    assert "%%nbdebug find_nan --no-stop" in model.complete("%%nbdebug find_nan --no")
    assert "%nbdebug find_nan --max-steps" in model.complete("%nbdebug find_nan --m")


def test_with_one_sign_it_is_the_instrument(model):
    run = model.run("%nbdebug find_nan --max-steps 4")
    assert run.status == "ok", run.traceback
    assert "nbdebug.find_nan(setup, max_steps=4)" in run.stdout


def test_a_watch_may_look_for_it_too(model):
    run = model.run(f"%%nbdebug watch --find-nan\n{BAD}")
    assert run.status == "ok", run.traceback
    assert "with nbdebug.watch(find_nan=True) as watch: …" in run.stdout
    assert f"Cell In[{run.number}], line 5" in run.pictures[0]
    assert "ND308" in run.pictures[0]


# -- without a kernel -------------------------------------------------------------------------------------------


def test_only_the_first_line_is_rewritten():
    lines = rewrite_first_line(["%%nbdebug find_nan --no-stop\n", "\n", "x = 1\n"])
    assert lines[0] == "get_ipython().run_line_magic('nbdebug', 'find_nan --over-the-cell --no-stop')\n"
    assert lines[1:] == ["\n", "x = 1\n"]
    assert rewrite_first_line(["%%nbdebug find_nans\n"]) == ["%%nbdebug find_nans\n"]
