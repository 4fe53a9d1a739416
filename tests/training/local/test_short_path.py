"""Where the folder for temporary files is deep: sockets lie elsewhere, and nothing of it stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nbdebug.errors import LaunchError
from nbdebug.training.local import short_path

ROOT = Path(__file__).parents[3]
SCRIPT = """
from dataclasses import replace
from torch.utils.data import DataLoader
import nbdebug
from tests.training.run import trainings

if __name__ == "__main__":
    setup = trainings.setup()
    setup = replace(setup, train_loader=DataLoader(setup.train_loader.dataset, batch_size=4, num_workers=1))
    print(nbdebug.launch(setup, num_processes=2, max_steps=2, preflight=False).wait(240).state)
"""


@pytest.mark.skipif(os.name != "posix", reason="there are no such sockets")
def test_ranks_with_workers_where_the_path_of_temporary_files_is_too_long_for_a_socket(tmp_path):
    deep, script = tmp_path / ("d" * 120), tmp_path / "script.py"
    deep.mkdir()
    script.write_text(SCRIPT)
    environment = {**os.environ, "TMPDIR": str(deep), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NBDEBUG_RUNS": str(tmp_path / "runs")}
    kernel = subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said, wrong = kernel.communicate(timeout=300)
    assert said.splitlines() == ["done"], wrong[-3000:]
    assert not list(Path(short_path.home() or "/tmp").glob(f"nbdebug-*-{kernel.pid}-*"))


def test_it_is_said_when_there_is_no_place(monkeypatch):
    monkeypatch.setattr(short_path.tempfile, "gettempdir", lambda: "/" + "d" * 120)
    assert short_path.home() == "/tmp" and len(str(short_path.folder("test"))) < 103 - len("/listener-xxxxxxxx")
    monkeypatch.setattr(short_path, "INSTEAD", ("/nowhere",))
    with pytest.raises(LaunchError, match="has too long a path for sockets, and none can be made in /nowhere: set TMPDIR"):
        short_path.home()


def test_what_a_killed_process_has_left_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(short_path.tempfile, "gettempdir", lambda: str(tmp_path)[: short_path.LONGEST])
    monkeypatch.setattr(short_path, "home", lambda: str(tmp_path))
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True).stdout.strip()
    names = [f"nbdebug-server-{gone}-old", f"nbdebug-server-{gone}-new", f"nbdebug-server-{os.getpid()}-old", "nbdebug-server-of-others"]
    for name in names:
        (tmp_path / name).mkdir()
        if not name.endswith("new"):
            os.utime(tmp_path / name, (time.time() - 2 * short_path.OLD,) * 2)
    made = short_path.folder("server")
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], made.name}
