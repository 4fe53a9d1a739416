"""Does it learn? As its reader asks it in JupyterLab: the checklist, predictions that change under a running loop, and a quiz."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.jupyter import Lab
from tests.browser.notebook_page import KERNEL_IDLE, OPEN_MS, RUN_ALL, RUN_MS, NotebookPage
from tests.browser.test_tutorial import take_pictures
from tests.browser.test_watch import LIVE_MS, written

SETTING = """%load_ext nbdebug
import pathlib
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import nbdebug

torch.set_num_threads(1)
nbdebug.seed_everything(0)
images, labels = load_digits(return_X_y=True)
images, labels = torch.tensor(images / 16).float().view(-1, 1, 8, 8), torch.tensor(labels)
train_loader = DataLoader(TensorDataset(images[:1400], labels[:1400]), 32, shuffle=True)
val_loader = DataLoader(TensorDataset(images[1300:], labels[1300:]), 64)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters())
loss_fn = nn.CrossEntropyLoss()"""
LEVELS = '%nbdebug levels --budget "15 s"'
WATCHED = """%%nbdebug watch --predictions val_loader
while not pathlib.Path("predictions-seen").exists():
    for x, y in train_loader:
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()"""
BASELINES = """report = nbdebug.baselines(nbdebug.TrainingSetup(model, loss_fn, optimizer, train_loader, val_loader), steps=20)
print("truths:", *(question.truth for question in report.result.quiz.questions))"""
WIDGET = "report.widget()"
MISTAKES = 2  # of the twenty samples

pytestmark = pytest.mark.browser


def test_levels_unfold_predictions_move_and_a_reader_can_compete(open_notebook: Callable[[Path], NotebookPage], lab: Lab, tmp_path: Path) -> None:
    notebook = open_notebook(written(tmp_path / "learning.ipynb", SETTING, LEVELS, WATCHED, BASELINES, WIDGET))
    notebook.page.evaluate(RUN_ALL)
    see_predictions_move(notebook, lab.root / "predictions-seen")
    notebook.page.wait_for_function("() => window.ranAll === 'done'", timeout=RUN_MS)
    notebook.page.wait_for_function(KERNEL_IDLE, timeout=OPEN_MS)
    expect(notebook.errors).to_have_count(0)

    unfold_a_question(notebook.cell("%nbdebug levels"))
    compete(notebook)
    assert notebook.problems == []
    assert notebook.strangers == []


def see_predictions_move(notebook: NotebookPage, seen: Path) -> None:
    """While the loop runs there is a row a sample, and the picture changes; the report at the end keeps it."""
    cell = notebook.cell("%%nbdebug watch")
    moving = cell.locator(".nbd-glance .nbd-heat", has=notebook.page.locator("[data-t^='sample ']"))
    expect(moving).to_be_visible(timeout=RUN_MS)  # all the levels are climbed before
    last = moving.locator("i.x").last  # the step of the last column
    step = last.get_attribute("data-t")
    expect(last).not_to_have_attribute("data-t", step, timeout=LIVE_MS)
    seen.touch()
    kept = cell.locator(".nbd details", has=notebook.page.locator("summary", has_text="probability of the truth, sample by step"))
    expect(kept).to_be_attached(timeout=LIVE_MS)


def unfold_a_question(cell: Locator) -> None:
    """A light for each question, and what stands behind it at a click."""
    lists = cell.locator(".nbd-checklist")
    expect(lists).to_have_count(4)
    question = lists.locator("details", has_text="does nothing leak?")
    expect(question.locator(".nbd-light")).to_have_attribute("title", "warning")
    evidence = question.locator("li", has_text="ND105")
    expect(evidence).to_be_hidden()
    question.locator("summary").first.click()
    expect(evidence).to_be_visible()
    expect(evidence).to_contain_text(re.compile(r"100 of the 497 samples"))
    question.locator("summary").first.click()
    expect(evidence).to_be_hidden()


def compete(notebook: NotebookPage) -> None:
    """Labels the samples with clicks, a few of them wrongly, and reads who was right."""
    printed = notebook.cell("nbdebug.baselines").locator(".jp-OutputArea-output", has_text="truths:").text_content()
    truths = printed.split("truths:")[1].split()
    quiz = notebook.page.locator(".nbd-quiz")
    for number, truth in enumerate(truths, 1):
        expect(quiz.locator(".nbd-asked")).to_contain_text(f"Sample {number} of {len(truths)}")
        said = truth if number > MISTAKES else str((int(truth) + 1) % 10)
        quiz.locator(".nbd-choice", has_text=re.compile(f"^{said}$")).click()
    outcome = quiz.locator(".nbd-outcome")
    scores = outcome.locator("table").first.locator("tr")
    expect(scores.filter(has_text="you")).to_contain_text(f"{1 - MISTAKES / len(truths):.0%}")
    expect(scores.filter(has_text="the model")).to_contain_text(re.compile(r"\d+%"))
    take_pictures(notebook, notebook.page.locator(".nbd-widget"), "quiz")
    quiz.locator(".nbd-again").click()
    expect(quiz.locator(".nbd-asked")).to_contain_text(f"Sample 1 of {len(truths)}")
