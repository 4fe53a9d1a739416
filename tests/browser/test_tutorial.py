"""The first tutorial as a reader meets it: in JupyterLab, with the mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.notebook_page import NotebookPage

ROOT = Path(__file__).parent.parent.parent
TUTORIAL = ROOT / "notebooks" / "01_first_checkup.ipynb"
PICTURES = ROOT / "build"

pytestmark = pytest.mark.browser


def test_the_tutorial_runs_and_its_report_answers_to_clicks(open_notebook: Callable[[Path], NotebookPage]) -> None:
    notebook = open_notebook(TUTORIAL)
    notebook.run_all()
    expect(notebook.errors).to_have_count(0)

    reports = notebook.cell("%nbdebug checkup").locator(".nbd", has_text="session was left as it was")
    expect(reports).to_have_count(2)
    sick, sound = reports.first, reports.last
    see_the_report(sick)
    expect(sound.locator(".nbd-card-error, .nbd-card-warning")).to_have_count(0)
    take_pictures(notebook, sick, "report")
    notebook.command("application:toggle-left-area")
    notebook.cell("%nbdebug checkup").first.evaluate("cell => cell.scrollIntoView({block: 'start'})")
    notebook.page.screenshot(path=PICTURES / "lab.png")

    widget = notebook.page.locator(".nbd-widget")
    filter_the_findings(widget)
    open_a_finding(widget)
    jump_between_panels(widget)
    take_pictures(notebook, widget, "widget")

    assert notebook.problems == []
    assert notebook.strangers == []


def see_the_report(report: Locator) -> None:
    """Both mistakes are in it, and what is folded unfolds at a click without a script."""
    for code in ("ND401", "ND601"):
        expect(report.locator(".nbd-card", has_text=code).first).to_be_visible()
    folded = report.locator("details", has_text="looked for and not found")
    inside = folded.locator("li").first
    expect(inside).to_be_hidden()
    folded.locator("summary").click()
    expect(inside).to_be_visible()


def filter_the_findings(widget: Locator) -> None:
    """By severity and by level of the ladder; the count and the list follow."""
    choices, count = widget.locator(".nbd-finding option"), widget.locator(".nbd-count")
    expect(choices.filter(has_text="ND401")).to_have_count(1)
    labels = choices.all_text_contents()
    errors = [label for label in labels if "error" in label]

    press(widget, "severity", "error")
    expect(count).to_have_text(f"{len(errors)} of {len(labels)} findings")
    expect(choices).to_have_count(len(errors))
    press(widget, "level", "optimisation")  # the optimizer that misses the head, and not the softmax
    expect(choices.filter(has_text="ND601")).to_have_count(1)
    expect(choices.filter(has_text="ND401")).to_have_count(0)
    press(widget, "level", "all")
    press(widget, "severity", "all")
    expect(choices).to_have_count(len(labels))


def press(widget: Locator, group: str, label: str) -> None:
    widget.locator(f".nbd-{group}").get_by_role("button", name=label, exact=True).click()


def open_a_finding(widget: Locator) -> None:
    for code in ("ND601", "ND401"):
        label = widget.locator(".nbd-finding option", has_text=code).text_content()
        widget.locator(".nbd-finding select").select_option(label=label)
        expect(widget.locator(".nbd-detail .nbd-card")).to_contain_text(code)


def jump_between_panels(widget: Locator) -> None:
    panels = widget.locator(".nbd-panels select")
    view = widget.locator(".nbd-panel-view .nbd-body")
    first, second, *_ = panels.locator("option").all_text_contents()
    shown = view.text_content()
    panels.select_option(label=second)
    expect(view).not_to_have_text(shown)
    panels.select_option(label=first)
    expect(view).to_have_text(shown)


def take_pictures(notebook: NotebookPage, of: Locator, name: str) -> None:
    """The element in dark and in light, under build/ for people to look at."""
    PICTURES.mkdir(exist_ok=True)
    inks = []
    for theme in ("dark", "light"):
        notebook.use_theme(theme)
        with notebook.tall_enough_for(of):
            of.screenshot(path=PICTURES / f"{name}-{theme}.png", animations="disabled")
        inks.append(of.evaluate("element => getComputedStyle(element).color"))
    assert inks[0] != inks[1], "text should be light on a dark page, and dark on a light one"
