"""Importing nbdebug costs little: what is heavy comes when it is used."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {"IPython", "matplotlib", "seaborn", "pandas", "ipywidgets", "torch._dynamo"}

LOAD = """
from IPython.core.interactiveshell import InteractiveShell
import nbdebug
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "nbdebug")
assert "nbdebug" in shell.magics_manager.magics["line"]
"""


def loaded_by(code: str) -> set[str]:
    """The names among HEAVY that a fresh Python holds after running `code`."""
    tell = f"\nimport json, sys; print(json.dumps([name for name in {sorted(HEAVY)} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code + tell], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_brings_nothing_heavy() -> None:
    assert loaded_by("import nbdebug") == set()


def test_the_extension_brings_nothing_but_ipython() -> None:
    assert loaded_by(LOAD) == {"IPython"}


def test_what_is_loaded_is_seen() -> None:
    assert loaded_by("import pandas") == {"pandas"}
