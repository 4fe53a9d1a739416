"""Which checkpoints stay: the last few, the best few, every n-th, and those that the user asked for."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbdebug.errors import CheckpointError
from nbdebug.training.checkpoint.reading import opened
from nbdebug.training.checkpoint.writing import NAMES
from nbdebug.training.folder import RunFolder

STAYS = ".stays"  # ends the name of an empty file beside a checkpoint that no rule removes


@dataclass(frozen=True)
class Rule:
    """How many stay."""

    last: int | None = 3  # None: all; at least the newest always stays
    best: int = 0
    monitor: str = ""  # the metric that tells the best
    mode: str = "min"  # or "max"
    every: int = 0  # each n-th that was written stays for good; 0: none


def stay(path: Path) -> None:
    """From now on no rule removes this checkpoint: the user asked for it."""
    with contextlib.suppress(OSError):  # on a full disk it is as good as the others
        path.with_suffix(STAYS).touch(mode=0o600)


def keep(folder: RunFolder, rule: Rule) -> tuple[Path, ...]:
    """Removes the checkpoints that the rule does not ask for, and names them."""
    paths = sorted(folder.checkpoints.glob(NAMES))
    if rule.last is None:
        return ()
    newest = set(paths[-max(rule.last, 1) :])
    gone = [path for path in paths if path not in newest and not path.with_suffix(STAYS).exists() and not (rule.every and _is_nth(path, rule.every))]
    if gone and rule.best and rule.monitor:
        best = _best(paths, rule)
        gone = [path for path in gone if path not in best]
    for path in gone:
        with contextlib.suppress(OSError):  # on Windows a mapped file cannot be removed
            path.unlink()
    return tuple(gone)


def _best(paths: Sequence[Path], rule: Rule) -> set[Path]:
    sign = -1.0 if rule.mode == "max" else 1.0
    rated = [(sign * value, path) for path in paths if (value := _measured(path, rule.monitor)) is not None]
    return {path for _, path in sorted(rated)[: rule.best]}


def _measured(path: Path, monitor: str) -> float | None:
    """The metric of a checkpoint; None when it was not measured at its step, is no number, or cannot be read."""
    value = _head(path).get("metrics", {}).get(monitor)
    return value if value is not None and math.isfinite(value) else None


def _is_nth(path: Path, every: int) -> bool:
    number = _head(path).get("number", 0)
    return number > 0 and number % every == 0


def _head(path: Path) -> dict[str, Any]:
    """What a checkpoint says of itself; nothing when it cannot be read."""
    try:
        return opened(path, checked=False)
    except CheckpointError:
        return {}
