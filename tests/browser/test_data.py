"""A data audit as its reader meets it in JupyterLab: the report, and the samples and columns behind it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.notebook_page import NotebookPage
from tests.browser.test_tutorial import take_pictures
from tests.browser.test_watch import written

SETTING = """%load_ext nbdebug
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

images, labels = load_digits(return_X_y=True)
images, labels = torch.tensor(images / 16).float().view(-1, 1, 8, 8), torch.tensor(labels)
images[17] = 0
train_loader = DataLoader(TensorDataset(images[:1400], labels[:1400]), 64, shuffle=True)
val_loader = DataLoader(TensorDataset(images[1400:], labels[1400:]), 64)"""
OWN_CHECK = """import nbdebug

@nbdebug.data_audit.check("ND999", "dark <b>by hand</b>", advice="look at it")
def dark(look):
    yield nbdebug.Seen("these are dark", evidence={"samples": "17,40,62", "split": "data"})"""
AUDIT = "report = %nbdebug data"
WIDGET = "report.widget()"
ALONE = "show = %nbdebug show_batch"

pytestmark = pytest.mark.browser


def test_samples_and_columns_can_be_looked_through(open_notebook: Callable[[Path], NotebookPage], tmp_path: Path) -> None:
    notebook = open_notebook(written(tmp_path / "data.ipynb", SETTING, OWN_CHECK, AUDIT, WIDGET, ALONE))
    notebook.run_all()
    expect(notebook.errors).to_have_count(0)
    audited = notebook.cell("%nbdebug data")
    expect(audited.locator(".nbd-gallery figure img").first).to_be_visible()
    expect(audited.locator(".jp-OutputArea-output", has_text="nbdebug.data_audit(train_loader, val=val_loader)").first).to_be_visible()

    shelf = notebook.page.locator(".nbd-shelf")
    figures, said = shelf.locator(".nbd-shown figure"), shelf.locator(".nbd-shown")
    expect(figures).to_have_count(12)
    pick_a_class(shelf, figures)
    turn_pages(shelf, said)
    pick_a_column(shelf)
    take_pictures(notebook, notebook.page.locator(".nbd-widget"), "data-widget")
    jump_to_a_finding(notebook, shelf, figures)

    batch = notebook.cell(ALONE)
    expect(batch.locator(".nbd-gallery figure")).to_have_count(9)
    expect(batch.locator("figcaption").first).to_contain_text(re.compile(r"0 … (1|0\.\d+)"))  # the order is random
    assert notebook.problems == []
    assert notebook.strangers == []


def pick_a_class(shelf: Locator, figures: Locator) -> None:
    choice = shelf.locator(".nbd-class select")
    expect(choice.locator("option")).to_have_count(11)
    label = choice.locator("option", has_text="3 (").first.text_content()
    assert int(label.split("(")[1].rstrip(")")) > 100  # of all that were read, not of those that are kept
    choice.select_option(label=label)
    expect(figures.locator("figcaption").first).to_contain_text("3")
    assert {text.split("index")[0].strip() for text in figures.locator("figcaption").all_text_contents()} == {"3"}
    of_class = shelf.locator(".nbd-shown p").text_content()
    choice.select_option(label="all")
    expect(shelf.locator(".nbd-shown p")).not_to_have_text(of_class)


def turn_pages(shelf: Locator, said: Locator) -> None:
    expect(said).to_contain_text("1 to 12 of ")
    total = int(re.search(r"of (\d+) samples", said.text_content())[1])
    last = (total - 1) // 12 * 12
    expect(shelf.locator("button.nbd-prev")).to_be_disabled()
    button = shelf.locator("button.nbd-next")
    button.focus()
    button.press("Enter")
    expect(said).to_contain_text(f"13 to 24 of {total} samples")
    slider = shelf.locator(".nbd-page [role=slider]")
    slider.focus()
    slider.press("End")
    expect(said).to_contain_text(f"{last + 1} to {total} of {total} samples")
    expect(button).to_be_disabled()
    shelf.locator("button.nbd-prev").click()
    expect(said).to_contain_text(f"{last - 11} to {last} of {total} samples")


def pick_a_column(shelf: Locator) -> None:
    view = shelf.locator(".nbd-column-view")
    expect(view).to_contain_text("inputs channel 0")
    expect(view.locator("svg").first).to_be_visible()
    shelf.locator(".nbd-column select").select_option(label="2. targets")
    expect(view).to_contain_text("how often each value of targets occurs")
    shelf.locator(".nbd-column select").select_option(index=0)
    expect(view).to_contain_text("statistics of inputs channel 0")


def jump_to_a_finding(notebook: NotebookPage, shelf: Locator, figures: Locator) -> None:
    report = notebook.page.locator(".nbd-widget")
    named = shelf.locator(".nbd-named select")
    offered = named.locator("option").all_text_contents()
    place = next(i for i, text in enumerate(offered) if "ND999" in text)
    assert "<b>" in offered[place]  # a name, and no markup
    named.select_option(index=place)
    only_the_named_are_shown(shelf, figures)
    named.select_option(index=0)
    expect(figures).to_have_count(12)
    listed = report.locator(".nbd-finding select")
    labels = listed.locator("option").all_text_contents()
    place = next(i for i, text in enumerate(labels) if "ND999" in text)
    if place == 0 and len(labels) > 1:  # what stands open at first has to be left before it can be chosen
        listed.select_option(index=1)
    listed.select_option(index=place)
    only_the_named_are_shown(shelf, figures)
    assert named.evaluate("select => select.selectedIndex") == offered.index(next(text for text in offered if "ND999" in text))


def only_the_named_are_shown(shelf: Locator, figures: Locator) -> None:
    """How many of the three were kept is the audit's draw; the constant one always is."""
    expect(shelf.locator(".nbd-shown p")).to_contain_text(re.compile(r"of (1 sample|2 samples); 3 are named|of 3 samples"))
    shown = {int(re.search(r"index (\d+)", text)[1]) for text in figures.locator("figcaption").all_text_contents()}
    assert 17 in shown and shown <= {17, 40, 62}
