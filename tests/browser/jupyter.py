"""A real JupyterLab on 127.0.0.1, shut off from the settings and the network of the machine it runs on."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

START_SECONDS = 60
SETTINGS = {  # nothing that pops up over the page, nothing fetched
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are in the page, also those out of sight
}


@dataclass(frozen=True)
class Lab:
    """A running server: notebooks put into `root` can be opened at `url(name)`."""

    root: Path
    port: int
    token: str

    def url(self, name: str) -> str:
        """Where a notebook opens, in a workspace of its own."""
        workspace = Path(name).stem
        return f"http://127.0.0.1:{self.port}/lab/workspaces/{workspace}/tree/{name}?token={self.token}&reset"


@contextlib.contextmanager
def jupyter_lab(home: Path) -> Iterator[Lab]:
    """Starts a server with all its files under `home`; it is gone when the block is left.

    Raises:
        RuntimeError: it did not come up; the message is its log.
    """
    lab = Lab(home / "notebooks", _free_port(), secrets.token_hex(16))
    lab.root.mkdir(parents=True)
    log = home / "server.log"
    with log.open("w") as sink:
        server = subprocess.Popen(_command(lab), env=_environment(home), stdout=sink, stderr=subprocess.STDOUT)
    try:
        _wait_until_up(lab, server, log)
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _command(lab: Lab) -> list[str]:
    return [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--ip=127.0.0.1", f"--port={lab.port}", "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={lab.token}", f"--ServerApp.root_dir={lab.root}",
        "--ServerApp.terminals_enabled=False", "--LabApp.extension_manager=readonly",
        "--LabApp.expose_app_in_browser=True",  # gives window.jupyterapp, whose commands tell when they are done
    ]  # fmt: skip


def _environment(home: Path) -> dict[str, str]:
    settings = home / "settings"
    for name, values in SETTINGS.items():
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    own = {
        "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
    }  # fmt: skip
    inherited = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return {**inherited, **{name: str(home / folder) for name, folder in own.items()}, "OMP_NUM_THREADS": "1"}


def _wait_until_up(lab: Lab, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{lab.port}/api/status?token={lab.token}", timeout=2).close()
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
