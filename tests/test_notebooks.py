"""The committed tutorials are fit to be read where no kernel runs, and the tool that says so can be trusted."""

from __future__ import annotations

import re
from pathlib import Path

import demo
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from run_notebooks import LARGEST, TUTORIALS, WIDGET, clean, faults

WIDGET_DATA = {WIDGET: {"model_id": "1"}, "text/plain": "VBox(children=())"}


def written(folder: Path, *outputs: nbformat.NotebookNode, count: int = 1) -> Path:
    path = folder / "written.ipynb"
    cell = new_code_cell("1", execution_count=count, outputs=list(outputs))
    nbformat.write(new_notebook(cells=[cell]), path)
    return path


@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.ipynb")), ids=lambda path: path.name)
def test_a_committed_tutorial_has_no_fault(path: Path) -> None:
    assert list(faults(path)) == []


@pytest.mark.parametrize(
    "output, fault",
    [
        (new_output("stream", text="see /home/ada/model.pt"), "/home/ada"),
        (new_output("error", ename="ValueError", evalue="no", traceback=[]), "raised ValueError"),
        (new_output("display_data", data=WIDGET_DATA), "widget state"),
        (new_output("stream", text="x" * LARGEST), "bytes"),
    ],
)
def test_a_fault_is_seen(tmp_path: Path, output: nbformat.NotebookNode, fault: str) -> None:
    (seen,) = faults(written(tmp_path, output))
    assert fault in seen


def test_cells_run_out_of_order_are_seen(tmp_path: Path) -> None:
    assert "not executed in order" in next(faults(written(tmp_path, count=3)))


def test_cleaning_leaves_what_can_be_read(tmp_path: Path) -> None:
    report = new_output("display_data", data={**WIDGET_DATA, "text/html": "<b>3 findings</b>"})
    bare = new_output("display_data", data=dict(WIDGET_DATA))
    cleared = new_output("display_data", data={"text/plain": "", "text/html": ""})
    said = new_output("stream", text="hello\n")
    notebook = nbformat.read(written(tmp_path, report, bare, cleared, said), as_version=4)
    notebook.metadata["widgets"] = {"state": {}}
    clean(notebook)
    assert [output.get("data") for output in notebook.cells[0].outputs] == [
        {"text/plain": "VBox(children=())", "text/html": "<b>3 findings</b>"}, None,
    ]  # fmt: skip
    assert "widgets" not in notebook.metadata


def test_the_demo_tells_both_checkups_and_leaves_the_measurements_out() -> None:
    sick, mended = demo.reports(nbformat.read(demo.TUTORIAL, as_version=4))
    assert "ND401" in sick and "ND601" in sick and "the ladder" not in sick
    assert "nothing found" in mended


def test_the_demo_page_asks_the_network_for_nothing() -> None:
    cells = [new_code_cell("1"), new_markdown_cell("see [this](https://example.org) and `<script>`")]
    page = demo.as_page(new_notebook(cells=cells))
    assert "https://example.org" in page and "&lt;script&gt;" in page
    assert "<script" not in page
    assert not re.search(r"""(src|@import|url\()\s*=?\s*["']?https?:""", page)
