"""Configuration and the user's own objects as one flat list of settings: what really applied, whoever said it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from nbdebug.training.record.comparing.result import EITHER, FORWARD, LENGTH, NOWHERE, UPDATE, Change
from nbdebug.training.record.listing import precision
from nbdebug.training.record.told import Told

MISSING = "–"
RENAMED = {"optimizer": "optimizer.type", "scheduler": "scheduler.type", "training.precision": "precision", "data.batch_size": "train_loader.batch_size"}
OPTIONS = ("optimizer.", "scheduler.", "loss.")  # what one of them does not say has the default of its kind, which nobody here knows
ACTS = (  # prefix of a setting → where it can make a difference; the first that fits
    ("optimizer.foreach", NOWHERE), ("optimizer.fused", NOWHERE), ("optimizer.capturable", NOWHERE), ("optimizer", UPDATE), ("scheduler", UPDATE),
    ("training.clip", UPDATE), ("training.accumulate", UPDATE), ("training.ema", UPDATE), ("training.epochs", LENGTH), ("training.max_steps", LENGTH),
    ("training.fast_dev_run", LENGTH), ("training.early_stopping", LENGTH), ("training.sync_batch_norm", FORWARD), ("training", NOWHERE),
    ("data.num_workers", NOWHERE), ("data.pin_memory", NOWHERE), ("data.prefetch", NOWHERE), ("train_loader.num_workers", NOWHERE), ("val_loader", NOWHERE),
    ("data.shuffle", EITHER), ("data", FORWARD), ("train_loader", FORWARD), ("processes", EITHER), ("seed", EITHER), ("deterministic", EITHER),
    ("compile", EITHER), ("precision", EITHER), ("device", EITHER), ("loss", FORWARD), ("batch_loss", FORWARD), ("model", FORWARD),
)  # fmt: skip
WEIGHTS = (  # the likelier to matter, the more; our choice, an order of suspicion and no measurement
    ("optimizer.lr", 2.0), ("optimizer.type", 2.5), ("optimizer.weight_decay", 1.2), ("optimizer", 1.0), ("scheduler", 1.5), ("loss", 3.0), ("batch_loss", 3.0),
    ("model", 2.5), ("precision", 1.5), ("data.batch_size", 1.5), ("train_loader.batch_size", 1.5), ("train_loader.sampler", 2.0), ("train_loader.dataset", 2.0),
    ("data", 1.5), ("training.clip", 1.5), ("training.accumulate", 1.2), ("processes", 1.2), ("training.epochs", 0.8), ("training.max_steps", 0.8), ("seed", 0.4),
)  # fmt: skip


def setting_changes(a: Told, b: Told) -> Iterator[Change]:
    """Every setting that is another in b."""
    one, other = settings(a), settings(b)
    said = _said(a) | _said(b)
    for name in [*one, *(name for name in other if name not in one)]:
        before, after = one.get(name, MISSING), other.get(name, MISSING)
        if not _same(before, after) and not (name.startswith(OPTIONS) and MISSING in (before, after)):
            yield Change("config" if name in said else "setup", name, _shown(before), _shown(after), acts(name), _weight(name, before, after), _words(name, before, after))


def settings(run: Told) -> dict[str, Any]:
    """Name → value. Of optimizer, scheduler and loss the configuration's, where it says any."""
    told, own = _configured(run), {RENAMED.get(name, name): value for name, value in _own(run).items()}
    for section, names in (("optimizer", "optimizer"), ("scheduler", "scheduler"), ("loss", "loss_fn")):
        if told.get(f"{section}.type") is not None:  # one of another kind: nothing of the setup's is left of it
            own = {name: value for name, value in own.items() if not name.startswith(names)}
        told = {name: value for name, value in told.items() if value is not None or not name.startswith(section)}
    if told.pop("train_loader.batch_size") is not None:
        own["train_loader.batch_size"] = run.config.data.batch_size
    own.pop("optimizer.initial_lr", None)
    told = {name: value for name, value in told.items() if name != "name" and not name.startswith(("log.", "launch.", "checkpoint.", "watch."))}
    return {**own, **told, "precision": precision(run), "processes": run.processes}


def _configured(run: Told) -> dict[str, Any]:
    """What the configuration says, by the names that the setup's own things have."""
    flat = _flat(run.config.model_dump()) if run.config is not None else ()
    return {"train_loader.batch_size": None} | {RENAMED.get(name, name): value for name, value in flat}


def _said(run: Told) -> set[str]:
    """Settings that do not come from the setup."""
    return {name for name, value in _configured(run).items() if value is not None} | {"processes"}


def acts(name: str) -> str:
    """Where a setting can make a difference."""
    return next((where for prefix, where in ACTS if name.startswith(prefix)), NOWHERE)


def _own(run: Told) -> Mapping[str, Any]:
    found = run.record.get("setup")
    return found if isinstance(found, Mapping) and "unknown" not in found else {}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, str) and isinstance(after, str):
        return before.lower() == after.lower()
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        return list(before) == list(after)
    empty = (MISSING, None, {}, [])
    return bool(before == after) or (before in empty and after in empty)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}…"


def _ratio(before: Any, after: Any) -> float | None:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 for value in (before, after))
    return after / before if numbers else None


def _weight(name: str, before: Any, after: Any) -> float:
    """More for a number that moved by a power of ten."""
    weight = next((weight for prefix, weight in WEIGHTS if name.startswith(prefix)), 0.6)
    ratio = _ratio(before, after)
    return weight * (1.0 + abs(math.log10(ratio))) if ratio is not None and name != "seed" else weight


def _words(name: str, before: Any, after: Any) -> str:
    ratio = _ratio(before, after)
    times = f", {ratio:.3g} times as much" if ratio is not None and ratio >= 2 else f", {1 / ratio:.3g} times less" if ratio is not None and ratio <= 0.5 else ""
    return f"{name} ({_shown(before)} → {_shown(after)}{times if name != 'seed' else ''})"
