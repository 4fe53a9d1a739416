"""The data of two runs, as far as their records looked at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from nbdebug.data.comparing import Compared, Comparison, compared, sentence
from nbdebug.data.fingerprint import Fingerprint, Sketch
from nbdebug.plain import from_plain
from nbdebug.training.record.comparing.result import EITHER, NOWHERE, Change, DataBeside
from nbdebug.training.record.content import same_content
from nbdebug.training.record.told import Told

LOADERS = ("train_loader", "val_loader")
NAMED = 3  # columns that a sentence spells out


def data_changes(a: Told, b: Told) -> Iterator[tuple[Change | None, DataBeside]]:
    """Each loader that both have, whether or not it changed."""
    for name in LOADERS:
        one, other = _facts(a, name), _facts(b, name)
        if one is not None and other is not None:
            beside = _beside(name, one, other)
            yield _change(name, one, other, beside), beside
        elif (one is None) != (other is None) and a.record and b.record and _known(a) and _known(b):
            side = "a" if other is None else "b"
            yield Change("data", name, "–" if one is None else "there", "–" if other is None else "there", EITHER, 1.5, f"{name}, only in {side}"), DataBeside(
                name, f"only {side} has a {name}", False, None
            )


def _known(run: Told) -> bool:
    return isinstance(run.record.get("data"), Mapping) and "unknown" not in run.record["data"]


def _facts(run: Told, name: str) -> Mapping[str, Any] | None:
    return run.record["data"].get(name) if _known(run) else None


def _beside(name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> DataBeside:
    """The digests tell whether it is the same; the fingerprints in what it is not."""
    one, other = (from_plain(Fingerprint, facts["fingerprint"]) if "fingerprint" in facts else None for facts in (a, b))
    if one is None or other is None:
        same = same_content(a, b) if a.get("content") and b.get("content") else None if same_content(a, b) else False
        return DataBeside(name, _by_digests(a, b, same), same, None)
    found, whole = compared(one, other), all(facts["whole"] for facts in (a, b))
    if whole:
        return DataBeside(name, sentence(found), found.same, None if found.same else _slim(found))
    same = a["samples"] == b["samples"] and same_content(a, b) and (a["read"] != b["read"] or one.content == other.content)
    return DataBeside(name, _of_samples(a, b, found, same), same, None if same else _slim(replace(found, ranges=())))


def _by_digests(a: Mapping[str, Any], b: Mapping[str, Any], same: bool | None) -> str:
    sizes = f"{_count(a)} in a, {_count(b)} in b"
    if same is None:
        return f"Not read, so that nobody knows whether it is the same: {sizes}."
    return f"The same, as far as a few samples tell: {sizes}." if same else f"Not the same: {sizes}."


def _of_samples(a: Mapping[str, Any], b: Mapping[str, Any], found: Compared, same: bool) -> str:
    """Of data of which only a part was looked at: the same part in both, when they have the same number of samples."""
    looked = f"{_looked(a)} in a, {_looked(b)} in b"
    if same:
        return f"The same, as far as was looked: {looked}."
    parts = [f"Not the same: {looked}."]
    moved = [*found.schema, *found.statistics]
    if not moved:
        parts.append("The schema is the same, and no mean, spread, class or share of missing values moved beyond chance.")
    named = "; ".join(f"{c.what} of {c.column or c.field} from {c.a} to {c.b}" for c in moved[:NAMED])
    return " ".join([*parts, f"{named}." if named else ""]).strip()


def _looked(facts: Mapping[str, Any]) -> str:
    return "all were looked at" if facts["whole"] else f"{facts['read']:,} of {_count(facts)} were looked at"


def _change(name: str, a: Mapping[str, Any], b: Mapping[str, Any], beside: DataBeside) -> Change | None:
    if beside.same or (beside.same is None and a.get("samples") == b.get("samples")):
        return None
    validation = name == "val_loader"
    labels = "the inputs are the same, the targets are not" if beside.compared is not None and any(c.same_inputs for c in beside.compared.splits) else ""
    words = f"the data of {name} ({labels or f'{_count(a)} → {_count(b)}' if a.get('samples') != b.get('samples') or labels else 'other content'})"
    return Change("data", f"{name}'s data", _count(a), _count(b), NOWHERE if validation else EITHER, 1.0 if validation else 3.5, words)


def _slim(found: Compared) -> Comparison:
    """Without the hashes, which nothing more is asked of."""
    a, b = (replace(one, pair_sketch=Sketch("", False), input_sketch=Sketch("", False)) for one in (found.a, found.b))
    return Comparison((replace(found, a=a, b=b),))


def _count(facts: Mapping[str, Any]) -> str:
    count = facts.get("samples")
    return "samples of unknown number" if count is None else f"{count:,} samples"
