"""Runs the first tutorial headless, writes it as a page that opens offline, and prints what nbdebug found."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from run_notebooks import ROOT, TUTORIALS, execute

TUTORIAL = TUTORIALS / "01_first_checkup.ipynb"
PAGE = ROOT / "build" / "demo.html"
SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL)


def as_page(notebook: NotebookNode) -> str:
    """The notebook as one HTML file in the light theme."""
    html, _ = HTMLExporter(template_name="lab", theme="light", embed_images=True).from_notebook_node(notebook)
    return SCRIPT.sub("", html)  # formulas and diagrams, fetched from afar: the tutorial has neither


def reports(notebook: NotebookNode) -> Iterator[str]:
    """What every `%nbdebug checkup` of the notebook found, as plain text, in order; without the measurements."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and "%nbdebug checkup" in cell.source:
            texts = (output.get("data", {}).get("text/plain", "") for output in cell.outputs)
            yield from (text.split("\n── ")[0].rstrip() for text in texts if text.startswith("checkup"))


def main() -> None:
    started = time.perf_counter()
    print(f"running {TUTORIAL.relative_to(ROOT)} …", flush=True)
    notebook = execute(TUTORIAL)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(as_page(notebook), encoding="utf-8")
    for report in reports(notebook):
        print(f"\n{report}")
    print(f"\nThe whole tutorial, run in {time.perf_counter() - started:.0f} s, to open in a browser:\n{PAGE}")


if __name__ == "__main__":
    main()
