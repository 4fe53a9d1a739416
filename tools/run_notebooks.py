"""Executes the tutorials and writes their outputs back, fit to be committed; `--check` only looks at what lies there.

    python tools/run_notebooks.py                     execute all of notebooks/
    python tools/run_notebooks.py notebooks/01*.ipynb  execute one
    python tools/run_notebooks.py --check             say what is wrong with the committed outputs, run nothing
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
LARGEST = 500_000  # bytes; GitHub shows larger notebooks slowly or not at all
MACHINE_PATH = re.compile(r"/(?:home|root|work|tmp|Users|opt|usr)/[\w.-]+")
CELL_SECONDS = 120


def execute(path: Path) -> NotebookNode:
    """The notebook at `path`, run from its own folder in a fresh kernel of this Python, its outputs cleaned.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    notebook = nbformat.read(path, as_version=4)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the tests do, so that numbers come out the same
    os.environ.pop("MPLBACKEND", None)  # a backend forced from outside would keep figures out of the page
    NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # a kernel warns of every connection that is not encrypted
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,  # a page with saved widget state is blank without its scripts from afar
        record_timing=False,
    ).execute()
    clean(notebook)
    return notebook


def clean(notebook: NotebookNode) -> None:
    """Takes out, in place, what means something only to the kernel that is gone."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}  # the version that ran would change with every machine
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_static, cell.outputs) if output is not None]


def faults(path: Path) -> Iterator[str]:
    """What keeps the notebook at `path` from being committed, a sentence each."""
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    if len(text.encode()) >= LARGEST:
        yield f"is {len(text.encode()):,} bytes, the limit is {LARGEST:,}"
    if WIDGET in text or "widgets" in notebook.metadata:
        yield "holds widget state, which re-opens as an error"
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), start=1):
        if cell.execution_count != number:
            yield f"code cell {number} was not executed in order (its count is {cell.execution_count})"
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", ()):
                yield f"code cell {number} raised {output.ename}: {output.evalue}"
            if found := MACHINE_PATH.search(_readable(output)):
                yield f"the output of code cell {number} shows a path of this machine, {found[0]}"


def _static(output: NotebookNode) -> NotebookNode | None:
    """The output without its widget, an error without its frames; None when nothing but the widget's repr, or a cleared display, is left."""
    data = output.get("data")
    if output.output_type == "error":  # the frames of a traceback lie where this machine has its packages
        output.traceback = [f"{output.ename}: {output.evalue}"]
    if data is None:
        return output
    if "image/png" in data:
        data["image/png"] = _with_palette(data["image/png"])
    if data.pop(WIDGET, None) is not None and set(data) <= {"text/plain"}:
        return None
    return output if any(data.values()) else None


def _with_palette(png: str) -> str:
    """A base64 PNG in 256 colours, which a plot does not miss: a third of the bytes."""
    small = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return min(png, base64.b64encode(small.getvalue()).decode(), key=len)


def _readable(output: NotebookNode) -> str:
    """All text of an output; images are left out, base64 may spell anything."""
    data = output.get("data", {})
    texts = [value for kind, value in data.items() if not kind.startswith("image/")]
    return "\n".join(map(str, [output.get("text", ""), *output.get("traceback", ()), *texts]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all tutorials")
    parser.add_argument("--check", action="store_true", help="look at the committed outputs only")
    options = parser.parse_args()
    bad = 0
    for path in options.notebooks or sorted(TUTORIALS.glob("*.ipynb")):
        if not options.check:
            started = time.perf_counter()
            nbformat.write(execute(path), path)
            print(f"{path.name}: executed in {time.perf_counter() - started:.0f} s")
        for fault in faults(path):
            bad += 1
            print(f"{path.name}: {fault}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
