"""A line of a notebook is named by the cell it lies in, as the user sees it; asked in a real kernel."""

from __future__ import annotations

import sys

import pytest

from tests.notebook.conftest import Kernel

DEFINING = "def where():\n    return nbdebug.source_lines.users_line()"


@pytest.fixture(scope="module")
def notebook(kernel: Kernel) -> Kernel:
    assert kernel.run("%reset -sf\nimport torch, nbdebug, nbdebug.source_lines\nfrom torch import nn").status == "ok"
    return kernel


def test_a_function_is_named_by_the_cell_that_defines_it(notebook):
    defined = notebook.run(DEFINING)
    said = notebook.run("x = 1\nprint(where())").stdout.strip()
    assert said == f"Cell In[{defined.number}], line 2: return nbdebug.source_lines.users_line()"


def test_a_cell_that_was_run_again_has_its_new_number(notebook):
    first, second = notebook.run(DEFINING), notebook.run(DEFINING)
    assert second.number == first.number + 1
    assert notebook.run("print(where().cell)").stdout.strip() == str(second.number)


def test_a_line_in_an_imported_module_is_named_by_its_file(notebook, tmp_path):
    (tmp_path / "my_model.py").write_text("import nbdebug.source_lines\n\n" + DEFINING + "\n")
    run = notebook.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport my_model\nline = my_model.where()\nprint(line.cell, line)")
    assert run.stdout.strip() == f"None {tmp_path}/my_model.py, line 4: return nbdebug.source_lines.users_line()"


@pytest.mark.parametrize("magic", ["%%time", "%%capture nothing"])
def test_the_body_of_a_cell_magic_has_the_lines_that_the_user_sees(notebook, magic):
    run = notebook.run(f"{magic}\n\ny = 1\nasked = nbdebug.source_lines.users_line()")
    said = notebook.run("print(asked)").stdout.strip()
    assert said == f"Cell In[{run.number}], line 4: asked = nbdebug.source_lines.users_line()"


def test_a_function_from_an_earlier_timed_cell_is_not_given_a_wrong_number(notebook):
    notebook.run(f"%%time\n{DEFINING}")
    later = notebook.run("%%time\nasked = where()")
    assert notebook.run("print(asked.cell, asked.text)").stdout.strip() == "None"
    direct = notebook.run("asked = where(); print(asked)")
    assert direct.stdout.strip() == f"Cell In[{later.number + 2}], line 1: asked = where(); print(asked)"


def test_blank_lines_at_the_top_count(notebook):
    run = notebook.run("\n\nprint(nbdebug.source_lines.users_line())")
    assert run.stdout.startswith(f"Cell In[{run.number}], line 3: ")


def test_an_error_in_a_model_is_placed_in_its_cell(notebook):
    defined = notebook.run(
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(3, 2)\n"
        "    def forward(self, x):\n        return self.fc(x.T)\n"
    )
    notebook.run(
        "from torch.utils.data import DataLoader\nmodel = Net()\nsamples = [(torch.zeros(3), 0)] * 4\n"
        "train_loader = DataLoader(samples, batch_size=4)\ncriterion = nn.CrossEntropyLoss()"
    )
    run = notebook.run("report = %nbdebug first_step\nprint([str(f.location) for f in report.findings])")
    assert f"Cell In[{defined.number}], line 6" in run.stdout, run.stdout + run.stderr + run.traceback


def test_the_cell_that_calls_nbdebug_is_never_to_blame(notebook):
    notebook.run(
        "from torch.utils.data import DataLoader\nmodel = nn.Sequential(nn.Linear(3, 2), nn.Softmax(-1))\n"
        "samples = [(torch.randn(3), n % 2) for n in range(8)]\n"
        "train_loader = DataLoader(samples, batch_size=8)\ncriterion = nn.CrossEntropyLoss()\n"
        "optimizer = torch.optim.SGD(model.parameters(), 0.1)"
    )
    built = notebook.run("print(len(In) - 2)").stdout.strip()
    run = notebook.run("report = nbdebug.checkup(nbdebug.TrainingSetup(model, criterion, optimizer, train_loader))\nprint([str(f.location) for f in report.findings])")
    assert f"Cell In[{built}], line 2: model = nn.Sequential(nn.Linear(3, 2), nn.Softmax(-1)) · 1 · torch.nn.functional.softmax" in run.stdout  # the line that builds it


def test_the_kernel_of_these_tests_is_the_python_of_these_tests(notebook):
    assert notebook.run("import sys; print(sys.executable)").stdout.strip() == sys.executable
