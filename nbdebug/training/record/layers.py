"""What was seen of the layers, as a file of the run's folder: arrays and JSON, read without running anything.

    layers-rank0.npz     kept (steps, rows) and the last step, as `Histories` has them; about: the rest of the result, findings, verdicts
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nbdebug.findings import Finding
from nbdebug.instruments.watch.numbers.histories import Histories, Row
from nbdebug.instruments.watch.numbers.reduction import RECORD
from nbdebug.instruments.watch.result import Track, WatchResult
from nbdebug.page import Verdict
from nbdebug.plain import from_plain, to_plain
from nbdebug.training.folder import RunFolder

VERSION = 1
READ_AT_MOST = 2_000_000  # counts of the tensors, in all


@dataclass(frozen=True)
class Before:
    """What was seen up to a step, to go on with."""

    steps: int
    seen: int
    rows: tuple[Row, ...]
    elements: tuple[int, ...]
    kept: np.ndarray  # (steps, rows)
    tracks: dict[str, Track]


@dataclass(frozen=True)
class Kept:
    """What a file holds."""

    result: WatchResult
    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    looks: int  # steps that were looked at


def path_of(folder: RunFolder) -> Path:
    """Where rank 0 writes what it saw."""
    return folder.path / "layers-rank0.npz"


def write(folder: RunFolder, histories: Histories, result: WatchResult, seen: int, findings: Sequence[Finding], verdicts: Sequence[Verdict]) -> None:
    """Writes what was seen so far; the file is whole or as it was.

    Raises:
        OSError: it cannot be written.
    """
    kept, latest = histories.arrays()
    about = {
        "version": VERSION, "seen": seen, "rows": [[row.name, row.what, row.kind] for row in histories.rows], "elements": histories.elements,
        "result": to_plain(replace(result, tensors=())), "findings": to_plain(list(findings)), "verdicts": to_plain(list(verdicts)),
    }  # fmt: skip
    made = io.BytesIO()
    np.savez(made, kept=kept, latest=latest, about=np.frombuffer(json.dumps(about).encode(), np.uint8))
    path = path_of(folder)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(2)}")
    try:
        beside.write_bytes(made.getbuffer())
        os.replace(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()


def read(folder: RunFolder) -> Kept | None:
    """What the file of a run holds; None where there is none that can be read."""
    found = _read(path_of(folder))
    if found is None:
        return None
    about, kept, latest = found
    histories = Histories.of(_rows(about), about["elements"], kept, latest)
    result = replace(from_plain(WatchResult, about["result"]), tensors=histories.tracks(READ_AT_MOST))
    return Kept(result, from_plain(tuple[Finding, ...], about["findings"]), from_plain(tuple[Verdict, ...], about["verdicts"]), int(about["seen"]))


def changed(folder: RunFolder) -> int:
    """A number that is another when the file was written anew; 0 where there is none."""
    with contextlib.suppress(OSError):
        return path_of(folder).stat().st_mtime_ns
    return 0


def told(folder: RunFolder) -> tuple[Finding, ...]:
    """Only the findings of that file."""
    found = _read(path_of(folder), arrays=False)
    return () if found is None else from_plain(tuple[Finding, ...], found[0]["findings"])


def before(folder: RunFolder, step: int) -> Before | None:
    """What was seen up to a step; None where nobody looked, or it is gone."""
    found = _read(path_of(folder))
    if found is None:
        return None
    about, kept, latest = found
    kept = np.concatenate([kept, latest[None]])
    known = kept["looked_at"] > 0
    at = np.where(known, kept["step"], 0).max(1) if kept.size else np.zeros(len(kept))
    _, first = np.unique(at, return_index=True)  # the last step is perhaps among those that are kept
    kept = kept[[i for i in first if 0 < at[i] <= step]]
    tracks = from_plain(WatchResult, about["result"]).tracks
    return Before(step, len(kept), _rows(about), tuple(about["elements"]), kept, {name: _until(track, step) for name, track in tracks.items()})


def _until(track: Track, step: int) -> Track:
    points = [point for point in zip(track.steps, track.values, track.low, track.high, strict=True) if point[0] <= step]
    return Track(track.name, *(zip(*points, strict=True) if points else ()))


def _rows(about: dict[str, Any]) -> tuple[Row, ...]:
    return tuple(Row(*row) for row in about["rows"])


def _read(path: Path, *, arrays: bool = True) -> tuple[dict[str, Any], np.ndarray, np.ndarray] | None:
    nothing = np.zeros((0, 0), RECORD)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile), np.load(path, allow_pickle=False) as file:
        about = json.loads(file["about"].tobytes())
        kept, latest = (file["kept"], file["latest"]) if arrays else (nothing, nothing)
        if about["version"] == VERSION and (not arrays or kept.dtype == latest.dtype == RECORD):
            return about, kept, latest
    return None
