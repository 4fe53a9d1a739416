"""Labels of several spellings, and labels that are no class indices 0 … C-1: what makes them so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import torch
from torch.nn import functional as F

from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled, decoded

WRITTEN = 20  # classes that the code lists
LEFT_OUT = -100  # what cross-entropy leaves out by itself


def labelling(sampled: Sampled) -> Iterator[Draft]:
    """One spelling for each class; class indices for a loss over classes, which words have to be mapped to in any case."""
    target = sampled.target
    yield from _spelling(sampled)
    if target is None or target.kind != "classes" or numpy.ndim(target.sample) != 1 or not 2 <= len(target.facts.counts) <= 1000:
        return
    labels = _sorted(label for label in target.facts.counts if label != LEFT_OUT)
    if labels == list(range(len(labels))) or not all(isinstance(label, (int, str)) for label in labels) or len({type(label) for label in labels}) > 1:
        return
    if isinstance(labels[0], int) and not _asks_for_it(sampled, labels):
        return
    yield _mapping(sampled, labels)


def _spelling(sampled: Sampled) -> Iterator[Draft]:
    """Where the look at the classes says that one class is written in two ways; capitals count where they tell classes of one split apart."""
    look, target = sampled.answers.get("classes"), sampled.target
    if look is None or target is None or target.kind != "classes" or not all(isinstance(label, str) for label in target.facts.counts):
        return
    blanks = [twins.labels for twins in look.twins if twins.why == "spaces"]
    across = [pair for one in look.unshared for pair in one.spelled]
    if not blanks and (not across or any(twins.why == "case" for twins in look.twins)):
        return
    how = ".strip().casefold()" if across and not any(twins.why == "case" for twins in look.twins) else ".strip()"
    names = sampled.listed("df" if sampled.is_table else "targets").split(", ")
    if sampled.is_table:
        method = how.replace(".", ".str.")
        lines = [sampled.stated, *(f"{df} = {df}.assign(**{{{target.name!r}: {df}[{target.name!r}]{method}}})" for df in names)]
    else:
        lines = [f"# {', '.join(names)}: the labels, (N,)", *(f"{y} = [label{how} for label in {y}]" for y in names)]

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        def seen(among: dict[str, Any]) -> set[Any]:
            return {y for name in names for y in (among[name][target.name].dropna() if sampled.is_table else among[name])}

        was, now = seen(before), seen(after)
        return f"{len(was)} spellings are {len(now)} classes now" if len(now) < len(was) else ""

    why = f"{' and '.join((blanks or across)[0])} are one class, written in two ways"
    yield Draft("one spelling for each class", why, "\n".join(lines), lambda: _given(sampled), verify)


def _given(sampled: Sampled) -> dict[str, Any]:
    return sampled.frames() if sampled.is_table else {f"{word}_targets": _labels(sampled, word) for word in sampled.words}


def _sorted(labels: Any) -> list[Any]:
    return sorted(labels, key=lambda label: (str(type(label)), label))


def _asks_for_it(sampled: Sampled, labels: list[int]) -> bool:
    """Labels from 1 on, or with gaps. A class that is only rare may be missing here and there; a mark such as 255 is no class."""
    gaps = labels[-1] - labels[0] + 1 - len(labels)
    return labels[0] >= 1 or gaps > len(labels)


def _mapping(sampled: Sampled, labels: list[Any]) -> Draft:
    target = sampled.target
    word = "df" if sampled.is_table else "targets"
    stated = sampled.stated if sampled.is_table else f"# {sampled.listed('targets')}: the labels, (N,)"
    listed = repr(labels) if len(labels) <= WRITTEN else (f"sorted(train_df[{target.name!r}].dropna().unique())" if sampled.is_table else "sorted(set(map(int, train_targets)))")
    lines = [stated, *([] if sampled.is_table else ["import torch"]), f"index = {{label: i for i, label in enumerate({listed})}}"]
    for name in sampled.listed(word).split(", "):
        if sampled.is_table:
            lines.append(f"{name} = {name}.assign(**{{{target.name!r}: {name}[{target.name!r}].map(index)}})")
        else:
            kept = ".get(int(y), -100)" if isinstance(labels[0], int) else ".get(y, -100)"
            lines.append(f"{name} = torch.tensor([index{kept} for y in {name}])")
    code = "\n".join([*lines, f"classes = len(index)  # outputs of the head: {len(labels)}"])
    some = ", ".join(map(repr, labels[:4])) + (", …" if len(labels) > 4 else "")
    why = f"labels are {some}; cross_entropy takes 0..{len(labels) - 1}"

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        was, now = before[f"train_{word}"], after[f"train_{word}"]
        if sampled.is_table:
            was, now = list(was[target.name]), now[target.name]
            was, now = [y for y in was if y == y and y is not None], torch.tensor(now.dropna().to_numpy()).long()
        if len(set(was)) != len(set(now.tolist())) or len({(str(a), b) for a, b in zip(was, now.tolist(), strict=True)}) != len(set(was)):
            return ""
        loss = F.cross_entropy(torch.zeros(len(now), after["classes"]), now)
        return f"{len(now):,} sampled labels mapped one to one, and cross_entropy takes them" if torch.isfinite(loss) else ""

    return Draft("class indices from 0 on", why, code, lambda: _given(sampled), verify, optional=not isinstance(labels[0], int) or sampled.context.setup is None)


def _labels(sampled: Sampled, word: str) -> list[Any]:
    split = sampled.train if word == "train" else sampled.val
    field = split.named(sampled.target.name)
    return decoded(field) if field is not None else []
