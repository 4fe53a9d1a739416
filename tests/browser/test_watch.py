"""A watched cell as its reader meets it: in JupyterLab, while it runs and when it is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, expect

from tests.browser.jupyter import Lab
from tests.browser.notebook_page import KERNEL_IDLE, OPEN_MS, RUN_ALL, NotebookPage
from tests.browser.test_tutorial import take_pictures

SETTING = """%load_ext nbdebug
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
torch.set_num_threads(1)
inputs = torch.randn(2000, 20)
train_loader = DataLoader(TensorDataset(inputs, (inputs[:, 0] > 0).long()), batch_size=20, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss_fn = nn.CrossEntropyLoss()"""
ENDLESS = """%%nbdebug watch
while True:
    for x, y in train_loader:
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()"""
BELOW = "print('the cell below ran')"
PYTHON = {"display_name": "Python 3", "language": "python", "name": "python3"}
LIVE_MS = 60_000

pytestmark = pytest.mark.browser


def written(path: Path, *cells: str) -> Path:
    metadata = {"kernelspec": PYTHON}  # else a dialog asks for a kernel
    nbformat.write(new_notebook(cells=[new_code_cell(text) for text in cells], metadata=metadata), path)
    return path


def test_a_watched_cell_is_seen_live_and_its_report_stays_when_it_is_interrupted(
    open_notebook: Callable[[Path], NotebookPage], lab: Lab, tmp_path: Path
) -> None:
    source = written(tmp_path / "watched.ipynb", SETTING, ENDLESS, BELOW)
    notebook = open_notebook(source)
    notebook.page.evaluate(RUN_ALL)
    cell = notebook.cell("%%nbdebug watch")
    see_the_view_move(cell)
    outputs = cell.locator(".jp-Cell-outputArea")  # stays, while the view in it is drawn anew under the photographer's hands
    take_pictures(notebook, outputs, "watch-live")

    notebook.command("notebook:interrupt-kernel")
    report = cell.locator(".nbd", has=cell.page.locator("footer", has_text="nterrupted"))
    expect(report).to_be_visible(timeout=LIVE_MS)
    notebook.page.wait_for_function(KERNEL_IDLE, timeout=OPEN_MS)
    expect(cell.locator(".nbd-now")).to_have_count(0)
    expect(notebook.errors.filter(has_text="KeyboardInterrupt")).to_have_count(1)
    expect(notebook.page.locator(".jp-OutputArea-output", has_text="the cell below ran")).to_have_count(0)
    see_the_finding_and_the_loop(report)
    take_pictures(notebook, report, "watch-report")

    notebook.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")  # a promise: awaited
    saved = (lab.root / source.name).read_text()
    assert len(saved.encode()) < 1_000_000
    assert "the loop as it ran" in saved
    assert notebook.problems == []
    assert notebook.strangers == []


def test_a_layer_can_be_picked_and_a_step_be_slid_to(open_notebook: Callable[[Path], NotebookPage], tmp_path: Path) -> None:
    three_epochs = ENDLESS.replace("%%nbdebug watch", "%%nbdebug watch --every 1").replace("while True:", "for epoch in range(3):")
    notebook = open_notebook(written(tmp_path / "picked.ipynb", SETTING, three_epochs, "last = %nbdebug watch\nlast.widget()"))
    notebook.run_all()
    expect(notebook.errors).to_have_count(0)
    pick = notebook.page.locator(".nbd-browse")
    one, every, slider = pick.locator(".nbd-one"), pick.locator(".nbd-all"), pick.locator(".nbd-step [role=slider]")
    expect(one).to_contain_text("0: activation, step by step")
    expect(every).to_contain_text("activation of every layer at step 299")
    pick.locator(".nbd-name select").select_option(label="3. 2")
    expect(one).to_contain_text("2: activation, step by step")
    pick.locator(".nbd-kind select").select_option(label="gradient")
    expect(one).to_contain_text("0.weight: gradient, step by step")
    slider.focus()
    slider.press("Home")
    expect(every).to_contain_text("gradient of every parameter at step 0")
    take_pictures(notebook, pick, "watch-pick")
    assert notebook.problems == []
    assert notebook.strangers == []


def see_the_view_move(cell: Locator) -> None:
    """One output, whose words change, with a curve, and layers and findings soon after."""
    now = cell.locator(".nbd-now")
    expect(now).to_be_visible(timeout=LIVE_MS)
    words = now.text_content()
    expect(now).not_to_have_text(words, timeout=LIVE_MS)
    expect(now).to_have_count(1)
    expect(cell.locator(".nbd-bar")).to_be_visible()
    expect(cell.locator(".nbd-glance .nbd-heat")).to_be_visible(timeout=LIVE_MS)
    expect(cell.locator("li", has_text="ND603")).to_be_visible(timeout=LIVE_MS)


def see_the_finding_and_the_loop(report: Locator) -> None:
    expect(report.locator(".nbd-card", has_text="ND603").first).to_contain_text("line 5")
    loop = report.locator("details", has=report.page.locator("summary", has_text="the loop as it ran"))
    expect(loop).to_have_count(1)
    layer = report.locator("details", has=report.page.locator("summary", has_text="activation size, layer by step"))
    heat = layer.locator(".nbd-heat")
    if not heat.is_visible():
        layer.locator("summary").first.click()
    expect(heat).to_be_visible()
