"""A user's script, with everything in it that scripts have: it is left as found, and so is the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("script.py")
MB = 1 << 20


def test_a_script_is_left_as_found_after_thirty_runs(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NBDEBUG_RUNS": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="t") as temporary:  # a short name: the paths of sockets end at 107 characters
        environment["TMPDIR"] = temporary
        done = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (tmp_path / "executed").read_text() == "once "  # no rank, and no worker that one spawned, ran the file again
    assert seen["differs"] == {} and seen["grown"] < 30 * MB
    assert seen["states"] == ["interrupted", "failed", "done", "done", "done"] * 6 and seen["spawned"] == 2
    assert seen["heard"] == ["127.0.0.1"]  # whatever the machine is called
    assert not seen["nowhere"] or seen["hostname"] == "no-such-host.invalid"
    assert max(seen["data"]["private"]) < 50 * MB, seen["data"]
    assert seen["data"]["peak"] < 50 * MB, seen["data"]  # of the kernel
    assert len(list((tmp_path / "runs").iterdir())) == 37
