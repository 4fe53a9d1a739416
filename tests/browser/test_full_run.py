"""A run as its reader meets it in JupyterLab: a live box whose buttons are answered while another cell runs, and a still page afterwards."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.jupyter import Lab
from tests.browser.notebook_page import KERNEL_IDLE, OPEN_MS, RUN_ALL, RUN_MS, NotebookPage
from tests.browser.test_tutorial import take_pictures
from tests.browser.test_watch import LIVE_MS, written

SETTING = """import pathlib, time
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import nbdebug

torch.manual_seed(0)
torch.set_num_threads(1)
inputs = torch.randn(1024, 20)
labels = (inputs[:, 0] > 0).long()
train_loader = DataLoader(TensorDataset(inputs, labels), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(inputs[:128], labels[:128]), batch_size=64)

class Net(nn.Module):  # of this cell: the ranks get it by value
    def __init__(self):
        super().__init__()
        self.hidden, self.head = nn.Linear(20, 64), nn.Linear(64, 2)
    def forward(self, x):
        return self.head(self.hidden(x).relu())

model = Net()
setup = nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.02), train_loader, val_loader)"""
LAUNCH = """run = nbdebug.launch(setup, epochs=5000, num_processes=2, precision="bf16-mixed", name="live", config={"metrics": ["accuracy"], "checkpoint": {"every_epochs": None}})
run"""
BUSY = """while not pathlib.Path("run-seen").exists():
    time.sleep(0.05)
print("state:", run.state, "snapshots:", [taken.step > 0 for taken in run.snapshots])"""
GONE_SECONDS = 5.0  # from the click; promised is 1 s, and the machine is shared with a browser

pytestmark = pytest.mark.browser


def test_a_run_is_seen_live_and_stopped_with_its_button_while_a_cell_runs(open_notebook: Callable[[Path], NotebookPage], lab: Lab, tmp_path: Path) -> None:
    source = written(tmp_path / "full_run.ipynb", SETTING, LAUNCH, BUSY)
    notebook = open_notebook(source)
    notebook.page.evaluate(RUN_ALL)
    cell = notebook.cell("nbdebug.launch")
    box = cell.locator(".nbd-run")
    see_it_move(box)
    expect(notebook.cell("time.sleep(0.05)").locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\*\]"))  # the kernel is busy from here on
    pause_and_go_on(box)
    box.locator(".nbd-snapshot").click()
    expect(box.locator(".nbd-said")).to_contain_text("run.snapshots[-1]", timeout=LIVE_MS)
    take_pictures(notebook, box, "run-live")

    ranks = processes(lab.root)
    box.locator(".nbd-stop").click()
    assert seconds_until_gone(ranks) < GONE_SECONDS
    still = cell.locator(".nbd h3", has_text="-live")
    expect(still).to_be_visible(timeout=LIVE_MS)
    expect(box).to_have_count(0)
    expect(cell.locator(".nbd")).to_contain_text("stopped with the button")
    take_pictures(notebook, cell.locator(".jp-Cell-outputArea"), "run-ended")

    (lab.root / "run-seen").touch()
    notebook.page.wait_for_function("() => window.ranAll === 'done'", timeout=RUN_MS)
    notebook.page.wait_for_function(KERNEL_IDLE, timeout=OPEN_MS)
    expect(notebook.page.locator(".jp-OutputArea-output", has_text="state: interrupted snapshots: [True]")).to_have_count(1)
    expect(notebook.cell("time.sleep(0.05)").locator(".jp-OutputArea-output")).to_have_count(1)  # nothing of the run is shown under the cell that ran meanwhile
    expect(notebook.errors).to_have_count(0)
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    saved = (lab.root / source.name).read_text()
    assert "stopped with the button" in saved
    assert "widget-view" not in saved
    assert notebook.problems == []
    assert notebook.strangers == []


def see_it_move(box: Locator) -> None:
    """A curve with its validation, a row a rank, and a step that changes."""
    words = box.locator(".nbd-now")
    expect(words).to_contain_text(re.compile(r"running · step \d"), timeout=RUN_MS)
    before = words.text_content()
    expect(words).not_to_have_text(before, timeout=LIVE_MS)
    loss = box.locator(".nbd-glance > div", has=box.page.locator("h5", has_text="Loss"))
    expect(loss).to_contain_text("validation", timeout=LIVE_MS)
    expect(loss.locator("svg .l").first).to_be_attached()
    expect(box.locator(".nbd-run-ranks tbody tr")).to_have_count(2)
    expect(box.locator(".nbd-run-ranks tbody tr").first).to_contain_text(re.compile(r"trains|validates"))


def pause_and_go_on(box: Locator) -> None:
    button, words = box.locator(".nbd-pause"), box.locator(".nbd-now")
    button.click()
    expect(words).to_contain_text("paused", timeout=LIVE_MS)
    expect(button).to_have_text("Resume")
    button.click()
    expect(words).to_contain_text("running", timeout=LIVE_MS)
    expect(button).to_have_text("Pause")


def processes(root: Path) -> list[psutil.Process]:
    """The ranks of the one run below this folder."""
    said = [json.loads(path.open().readline()) for path in root.glob("nbdebug_runs/*/events-rank*.jsonl")]
    assert [event["k"] for event in said] == ["hello", "hello"]
    return [psutil.Process(event["pid"]) for event in said]


def seconds_until_gone(ranks: list[psutil.Process]) -> float:
    began = time.monotonic()
    while any(rank.is_running() and rank.status() != psutil.STATUS_ZOMBIE for rank in ranks) and time.monotonic() - began < 2 * GONE_SECONDS:
        time.sleep(0.01)
    return time.monotonic() - began
