"""A notebook in the browser, driven through JupyterLab's own commands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect

OPEN_MS = 180_000
RUN_MS = 240_000
TALL = 4000  # pixels: more than the cells of a notebook under test
# JupyterLab's own indicator says idle before there is a kernel; this asks the kernel's connection.
KERNEL_IDLE = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  const kernel = panel?.sessionContext?.session?.kernel;
  return Boolean(panel?.context?.isReady && panel.sessionContext.isReady
    && kernel?.connectionStatus === 'connected' && kernel.status === 'idle');
}"""
# The promise of the command is kept when the last cell has run; it is not awaited here, so that a time limit holds.
RUN_ALL = """() => {
  window.ranAll = null;
  window.jupyterapp.commands.execute('notebook:run-all-cells').then(
    () => { window.ranAll = 'done'; }, error => { window.ranAll = String(error); });
}"""


@dataclass
class NotebookPage:
    page: Page
    problems: list[str] = field(default_factory=list)  # what the browser's console called an error
    strangers: list[str] = field(default_factory=list)  # requests to anywhere but this machine

    @classmethod
    def open(cls, page: Page, url: str) -> NotebookPage:
        """Goes to the notebook and waits for its kernel."""
        self = cls(page)
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self._note(request.url))
        page.goto(url)
        page.locator(".jp-NotebookPanel .jp-Notebook").first.wait_for(timeout=OPEN_MS)
        page.wait_for_function(KERNEL_IDLE, timeout=OPEN_MS)
        return self

    def run_all(self) -> None:
        """Clears what was saved with the notebook, then runs it from top to bottom."""
        self.command("notebook:clear-all-cell-outputs")
        expect(self.outputs).to_have_count(0)
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function("() => window.ranAll !== null", timeout=RUN_MS)
        assert self.page.evaluate("() => window.ranAll") == "done"
        self.page.wait_for_function(KERNEL_IDLE, timeout=OPEN_MS)

    def command(self, name: str, **options: str) -> None:
        self.page.evaluate("([name, options]) => window.jupyterapp.commands.execute(name, options)", [name, options])

    def use_theme(self, theme: str) -> None:
        """Light or dark."""
        self.command("apputils:change-theme", theme=f"JupyterLab {theme.title()}")
        is_light = str(theme == "light").lower()
        expect(self.page.locator(f"body[data-jp-theme-light='{is_light}']")).to_be_attached()

    @contextlib.contextmanager
    def tall_enough_for(self, element: Locator) -> Iterator[None]:
        """A window that shows all of an element at once: what is scrolled away is missing in its picture."""
        usual = self.page.viewport_size
        self.page.set_viewport_size({**usual, "height": TALL})  # JupyterLab hides a cell that is outside of its window: it has no height then
        expect(element).to_be_visible()
        self.page.set_viewport_size({**usual, "height": max(TALL, int(element.bounding_box()["height"]) + 300)})
        element.evaluate("element => element.scrollIntoView({block: 'center'})")
        yield
        self.page.set_viewport_size(usual)
        element.evaluate("element => element.scrollIntoView({block: 'start'})")

    @property
    def outputs(self) -> Locator:
        return self.page.locator(".jp-Cell .jp-OutputArea-output")

    @property
    def errors(self) -> Locator:
        """Tracebacks and warnings: JupyterLab shows both as what was written to stderr."""
        return self.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']")

    def cell(self, source: str) -> Locator:
        """The code cells whose source has this text."""
        return self.page.locator(".jp-CodeCell").filter(has=self.page.locator(".jp-InputArea", has_text=source))

    def _note(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.strangers.append(url)
