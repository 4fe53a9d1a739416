"""The git repository that a run was started in: the commit, and what stood beside it uncommitted."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

SECONDS = 2.0  # for all of git's answers together; a large repository on a network disk takes longer
LONGEST = 200_000  # characters of a diff that are kept


def repository(directory: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Commit, branch, whether anything was changed since, and the diff; `unknown` says why there is nothing."""
    until = time.monotonic() + SECONDS
    here = Path(directory or os.getcwd())
    try:
        root = _git(here, until, "rev-parse", "--show-toplevel").strip()
        changed = [line for line in _git(here, until, "status", "--porcelain", "--untracked-files=no").splitlines() if line]
        found: dict[str, Any] = {"root": root, "commit": _commit(here, until), "branch": _git(here, until, "rev-parse", "--abbrev-ref", "HEAD").strip()}
        diff = _git(here, until, "diff", "HEAD", "--no-color", "--no-ext-diff") if changed and found["commit"] else ""
    except FileNotFoundError:
        return {"unknown": "git is not installed"}
    except subprocess.TimeoutExpired:
        return {"unknown": f"git took longer than {SECONDS:.0f} s"}
    except (subprocess.CalledProcessError, OSError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return {"unknown": "not in a repository" if "not a git repository" in said else said.strip().splitlines()[0]}
    cut = len(diff) > LONGEST
    return found | {"dirty": bool(changed), "changed": [line[3:] for line in changed][:200], "diff": diff[:LONGEST], "diff_cut": cut}


def _commit(here: Path, until: float) -> str:
    """Of HEAD; empty before the first one."""
    try:
        return _git(here, until, "rev-parse", "--verify", "HEAD").strip()
    except subprocess.CalledProcessError:
        return ""


def _git(here: Path, until: float, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", *arguments]  # somebody else may be committing
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    done = subprocess.run(
        command, cwd=here, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=True,
        timeout=max(0.01, until - time.monotonic()),
    )  # fmt: skip
    return done.stdout
