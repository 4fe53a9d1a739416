"""Model, beginning, environment and repository of two runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbdebug.training.record.comparing.result import EITHER, FORWARD, NOWHERE, Change
from nbdebug.training.record.told import Told

NAMED = 3  # lines, packages or files that a sentence spells out
OF_THE_MACHINE = {"host", "interpreter", "system"}  # settings that change no number


def model_changes(a: Told, b: Told) -> Iterator[Change]:
    """The structure, and what is trained of it."""
    one, other = _part(a, "model"), _part(b, "model")
    if not one or not other:
        return
    if one.get("structure") != other.get("structure"):
        lines = [line for line in difflib.ndiff(str(one["structure"]).splitlines(), str(other["structure"]).splitlines()) if line[:1] in "+-"]
        said = "; ".join(" ".join(line.split()) for line in lines[:NAMED]) + ("; …" if len(lines) > NAMED else "")
        yield Change("model", "the model", _model(one), _model(other), FORWARD, 3.0, f"the model ({said})")
    frozen = set(one.get("frozen") or ()), set(other.get("frozen") or ())
    if frozen[0] != frozen[1]:
        yield Change("model", "frozen parameters", str(len(frozen[0])), str(len(frozen[1])), EITHER, 2.5, f"frozen parameters ({len(frozen[0])} → {len(frozen[1])})")
    if one.get("dtypes") != other.get("dtypes"):
        yield Change("model", "dtype of the weights", ", ".join(one["dtypes"]), ", ".join(other["dtypes"]), FORWARD, 1.5)


def start_changes(a: Told, b: Told) -> Iterator[Change]:
    """What each began with: a checkpoint, or the weights as they were in the kernel."""
    resumed = [_id_of(run.about.get("resumed_from")) for run in (a, b)]
    if resumed[0] != resumed[1]:
        said = " and ".join(f"{side} goes on from {run}" if run else f"{side} begins anew" for side, run in zip("ab", resumed, strict=True))
        yield Change("start", "resumed from", resumed[0] or "–", resumed[1] or "–", FORWARD, 2.5, f"the beginning ({said})")
        return
    one, other = _part(a, "model"), _part(b, "model")
    if one and other and one.get("structure") == other.get("structure") and one.get("weights") != other.get("weights"):
        words = "the weights it begins with (another initialisation, or trained already in this kernel)"
        yield Change("start", "weights at the beginning", one["weights"][:8], other["weights"][:8], FORWARD, 1.8, words)


def environment_changes(a: Told, b: Told) -> Iterator[Change]:
    """Packages, hardware, and settings outside the configuration."""
    one, other = _part(a, "environment"), _part(b, "environment")
    for part in ("software", "hardware", "settings"):
        before, after = one.get(part) or {}, other.get(part) or {}
        for name in [*before, *(name for name in after if name not in before)]:
            if before.get(name) != after.get(name):
                yield _of_environment(part, name, before.get(name), after.get(name))


def _of_environment(part: str, name: str, before: Any, after: Any) -> Change:
    shown = [_plain(value) for value in (before, after)]
    if name in OF_THE_MACHINE:
        return Change("environment", name, *shown, NOWHERE, 0.1)
    weight = {"torch": 1.2, "matmul_precision": 1.2, "default_dtype": 2.0, "gpus": 0.8}.get(name, 0.5 if part == "software" else 0.4)
    return Change("environment", name, *shown, EITHER, weight, f"{name} ({shown[0]} → {shown[1]})")


def repository_changes(a: Told, b: Told) -> Iterator[Change]:
    """Another commit, or other uncommitted changes."""
    one, other = _part(a, "git"), _part(b, "git")
    if not one or not other:
        return
    if one.get("commit") != other.get("commit"):
        yield Change("git", "commit", _commit(one), _commit(other), EITHER, 0.8, f"the commit ({_commit(one)} → {_commit(other)})")
    elif one.get("diff") != other.get("diff"):
        files = sorted({*(one.get("changed") or ()), *(other.get("changed") or ())})
        named = ", ".join(files[:NAMED]) + (" …" if len(files) > NAMED else "")
        yield Change("git", "uncommitted changes", _uncommitted(one), _uncommitted(other), EITHER, 0.7, f"uncommitted changes ({named})")


def unknown(a: Told, b: Told) -> Iterator[str]:
    """What one of them has no record of."""
    for name, told in (("a", a), ("b", b)):
        if not told.record:
            yield f"{name} has no record: only its configuration and its curves are compared"
            continue
        if told.record.get("kind") != "setup":
            yield f"{name} trained what was made in its ranks ({told.record.get('kind')}): its model, its data and its optimizer are not in the record"
        for part in ("model", "setup", "data", "environment", "git", "sources"):
            found = told.record.get(part)
            if isinstance(found, Mapping) and "unknown" in found:
                yield f"{part} of {name}: {found['unknown']}"


def _part(run: Told, name: str) -> dict[str, Any]:
    found = run.record.get(name)
    return dict(found) if isinstance(found, Mapping) and "unknown" not in found else {}


def _model(facts: Mapping[str, Any]) -> str:
    return f"{facts['kind']}, {facts['parameters']:,} parameters"


def _id_of(checkpoint: Any) -> str:
    return f"{Path(checkpoint).parent.parent.name}, {Path(checkpoint).stem}" if checkpoint else ""


def _commit(git: Mapping[str, Any]) -> str:
    return (str(git.get("commit") or "")[:10] or "none") + (" with changes" if git.get("dirty") else "")


def _uncommitted(git: Mapping[str, Any]) -> str:
    count = len(git.get("changed") or ())
    return f"{count} file{'s' if count != 1 else ''}" if count else "none"


def _plain(value: Any) -> str:
    text = "–" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
