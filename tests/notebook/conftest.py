"""One real kernel for all tests of a worker, asked over the Jupyter protocol as a front end would."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from jupyter_client.manager import KernelManager, start_new_kernel

SECONDS = 60  # a busy machine is slow; a hang is longer


@dataclass
class Run:
    """What a cell left behind."""

    status: str
    error: str = ""  # the exception's name
    traceback: str = ""
    stdout: str = ""
    stderr: str = ""
    displays: list[dict[str, Any]] = field(default_factory=list)  # MIME bundles: displayed and still there, in order
    number: int = 0  # In[number]

    @property
    def pictures(self) -> list[str]:
        """The HTML of all displays that have some."""
        return [bundle["text/html"] for bundle in self.displays if bundle.get("text/html")]


class Kernel:
    """Runs cells and completes lines."""

    def __init__(self, manager: KernelManager, client: Any) -> None:
        self.manager, self.client = manager, client

    def run(self, code: str, *, interrupt_on: str = "") -> Run:
        """Executes a cell; `interrupt_on` sends an interrupt as soon as this text is printed."""
        asked = self.client.execute(code)
        shown: dict[str, dict[str, Any]] = {}
        run, ended = Run(""), time.monotonic() + SECONDS
        while time.monotonic() < ended:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            self._keep(kind, content, run, shown)
            if interrupt_on and kind == "stream" and interrupt_on in content["text"]:
                self.manager.interrupt_kernel()
        run.displays = list(shown.values())
        reply = self._reply(asked)
        run.status, run.number = reply["status"], reply.get("execution_count", 0)
        return run

    def complete(self, line: str, cursor: int | None = None) -> list[str]:
        """The line as it would be after each of the completions."""
        cursor = len(line) if cursor is None else cursor
        reply = self._reply(self.client.complete(line, cursor))
        return [line[: reply["cursor_start"]] + match + line[reply["cursor_end"] :] for match in reply["matches"]]

    def _keep(self, kind: str, content: dict[str, Any], run: Run, shown: dict[str, dict[str, Any]]) -> None:
        if kind == "stream":
            setattr(run, content["name"], getattr(run, content["name"]) + content["text"])
        elif kind == "error":
            run.error, run.traceback = content["ename"], "\n".join(content["traceback"])
        elif kind in ("display_data", "execute_result", "update_display_data"):
            key = content.get("transient", {}).get("display_id") or f"#{len(shown)}"
            shown[key] = content["data"]

    def _reply(self, asked: str) -> dict[str, Any]:
        while True:
            try:
                reply = self.client.get_shell_msg(timeout=SECONDS)
            except queue.Empty:
                raise AssertionError("the kernel did not answer") from None
            if reply["parent_header"].get("msg_id") == asked:
                return reply["content"]


@pytest.fixture(scope="session")
def kernel() -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3")
    made = Kernel(manager, client)
    started = made.run("%load_ext nbdebug\nimport torch\ntorch.set_num_threads(1)")
    assert started.status == "ok", started.traceback
    yield made
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def fresh(kernel: Kernel) -> Kernel:
    """The kernel with no variables but the imports, and nothing said to the magic."""
    made = kernel.run("%reset -sf\n%reload_ext nbdebug\nimport torch, nbdebug\nfrom torch import nn")
    assert made.status == "ok", made.traceback
    return kernel
