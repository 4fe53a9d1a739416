"""From the words that were written to the places that they have in the configuration.

`training.num_epochs: 3`, `num_train_epochs: 3`, `epochs=3` and `training={"epochs": 3}` all say `training.epochs`.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import BaseModel

from nbdebug.training.config.aliases import ANYWHERE, ELSEWHERE, INSIDE, SECTIONS, UNSAID
from nbdebug.training.config.of_learning import OPTIMIZERS
from nbdebug.training.config.run_config import RunConfig
from nbdebug.training.config.values import did_you_mean

Place = tuple[str, ...]


def section_of(kind: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The class of a field that is a section itself, or None."""
    annotation = kind.model_fields[name].annotation
    return next((c for c in (annotation, *typing.get_args(annotation)) if inspect.isclass(c) and issubclass(c, BaseModel)), None)


TOP = RunConfig.model_fields
PARTS: dict[str, type[BaseModel]] = {name: part for name in TOP if (part := section_of(RunConfig, name)) is not None}
HOMES: dict[str, list[str]] = {}  # field → the sections that have one of this name
for _part, _kind in PARTS.items():
    for _field in _kind.model_fields:
        HOMES.setdefault(_field, []).append(_part)
OPTIMIZER_OPTIONS = {name for cls in OPTIMIZERS.values() for name in inspect.signature(cls).parameters} - {"params"}
LOSS_CLASSES = [cls for name, cls in vars(torch.nn).items() if name.endswith("Loss")]
LOSS_OPTIONS = {name for cls in LOSS_CLASSES for name in inspect.signature(cls).parameters}
OPTIONS = {"optimizer": OPTIMIZER_OPTIONS, "loss": LOSS_OPTIONS}  # what a section hands on to torch's own classes


@dataclass(frozen=True)
class Source:
    """Where words come from."""

    title: str  # "train.yaml", "config", "the call"
    lines: Mapping[Place, int] = field(default_factory=dict)
    call: bool = False

    def at(self, path: Place) -> str:
        """The place of a word, ready to begin a sentence: `train.yaml, line 3: `."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.title}, line {self.lines[path]}: " if path else f"{self.title}: "


@dataclass(frozen=True)
class Said:
    """One value that was said, and where it belongs."""

    place: Place
    value: Any
    path: Place  # as it was written
    source: Source

    @property
    def written(self) -> str:
        """The word as its writer knows it."""
        return f"{'.'.join(self.path)}=" if self.source.call else ".".join(self.path)

    def complaint(self, message: str, at: Place | None = None) -> Complaint:
        """A sentence about this value.

        Args:
            at: the place that the sentence is about, where it is not the whole value's.
        """
        name = ".".join((self.written, *map(str, (at or self.place)[len(self.place) :])))
        known = "" if self.source.call or self.path[-1] == self.place[-1] else f" ({'.'.join(at or self.place)})"
        return Complaint(f"{self.source.at(self.path)}{name}{known} {message}")


@dataclass(frozen=True)
class Complaint:
    """One thing that cannot be meant, as a sentence with its place."""

    text: str


def placed(values: Mapping[str, Any], source: Source) -> Iterator[Said | Complaint]:
    """Every value of a mapping with the place that it has in the configuration."""
    for key, value in values.items():
        yield from _at_the_top(str(key), _plainly(value), (str(key),), source)


def _plainly(value: Any) -> Any:
    """Tensors, arrays and their numbers as lists and numbers, at any depth."""
    if isinstance(value, Mapping):
        return {key: _plainly(item) for key, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def _at_the_top(key: str, value: Any, path: Place, source: Source) -> Iterator[Said | Complaint]:
    head, _, rest = key.partition(".")
    name = head if head in PARTS else SECTIONS.get(head, head) if rest or isinstance(value, Mapping) else key
    if name in PARTS and rest:
        yield from _inside(name, rest, value, path, source)
    elif name in PARTS:
        yield from _section((name,), PARTS[name], value, path, source)
    elif head == "model":
        yield from _free((("model", *rest.split(".")) if rest else ("model",)), value, path, source)
    elif key in TOP:
        yield Said((key,), value, path, source)
    else:
        yield from _anywhere(key, value, path, source, "")


def _section(place: Place, kind: type[BaseModel], value: Any, path: Place, source: Source) -> Iterator[Said | Complaint]:
    """A whole section: its fields, the bare word that stands for one of them, or none at all."""
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        if not value:
            yield Said(place, {}, path, source)
        for key, item in value.items():
            yield from _inside(".".join(place), str(key), item, (*path, str(key)), source)
    elif value is None and len(place) == 1 and TOP[place[0]].default is not None:
        return  # `training:` with nothing under it
    elif kind.word and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield Said((*place, kind.word), value, path, source)
    else:
        yield Said(place, value, path, source)


def _inside(section: str, key: str, value: Any, path: Place, source: Source) -> Iterator[Said | Complaint]:
    """A word within a section."""
    place = tuple(section.split("."))
    kind = _kind(place)
    key = INSIDE.get(section, {}).get(key, key) if key not in kind.model_fields or key == "options" else key
    head, _, rest = key.partition(".")
    if key == "*" and isinstance(value, Mapping):
        for name, item in value.items():
            yield from _inside(section, str(name), item, (*path, str(name)), source)
    elif key == "*" and value is None:
        return
    elif head in kind.model_fields and (part := section_of(kind, head)) is not None:
        if rest:
            yield from _inside(f"{section}.{head}", rest, value, path, source)
        else:
            yield from _section((*place, head), part, value, path, source)
    elif key in kind.model_fields or (section, key) in (("optimizer", "beta1"), ("optimizer", "beta2")):
        yield Said((*place, key), value, path, source)
    elif key in OPTIONS.get(section, ()):
        yield Said((*place, "options", key), value, path, source)
    elif section == "training" and SECTIONS.get(key, key) in PARTS and isinstance(value, Mapping):
        yield from _at_the_top(key, value, path, source)
    elif section == "training":
        yield from _anywhere(key, value, path, source, section)
    else:
        yield _unknown(key, path, source, section)


def _anywhere(key: str, value: Any, path: Place, source: Source, section: str) -> Iterator[Said | Complaint]:
    """A short name: a word of others, or a field that only one section has."""
    homes = HOMES.get(key, [])
    if key in ANYWHERE:
        alias = ANYWHERE[key]
        said = Said(tuple(alias.path.split(".")), value, path, source)
        try:
            converted = alias.convert(value)
        except ValueError as error:
            yield said.complaint(str(error))
        else:
            if converted is not UNSAID:
                yield Said(said.place, converted, path, source)
    elif key in TOP:  # `training.seed`
        yield from _at_the_top(key, value, path, source)
    elif key in ELSEWHERE and value in (None, False, ""):
        return
    elif len(homes) == 1:
        yield from _inside(homes[0], key, value, path, source)
    elif homes:
        yield Complaint(f"{source.at(path)}{key} could be {' or '.join(f'{home}.{key}' for home in homes)}: say which")
    else:
        yield _unknown(key, path, source, section)


def _free(place: Place, value: Any, path: Place, source: Source) -> Iterator[Said]:
    """Options of the user's own, one by one, so that a call changes one and leaves the others."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _free((*place, str(key)), item, (*path, str(key)), source)
    else:
        yield Said(place, value, path, source)


def _unknown(key: str, path: Place, source: Source, section: str) -> Complaint:
    """A word that stands nowhere: what it may have been."""
    at = f"{source.at(path)}{'.'.join(path)}{'=' if source.call else ''} "
    if key in ELSEWHERE:
        return Complaint(f"{at}is not part of the configuration: {ELSEWHERE[key]}")
    homes = [f"{home}.{key}" for home in HOMES.get(key, [])] + ([ANYWHERE[key].path] if key in ANYWHERE else []) + ([key] if key in TOP else [])
    if homes:
        return Complaint(f"{at}is not known there: it is {' or '.join(dict.fromkeys(homes))}")
    own = [*_kind(tuple(section.split("."))).model_fields, *INSIDE.get(section, {}), *OPTIONS.get(section, ())] if section else []
    near = did_you_mean(key, [name for name in own if name != "*"] + ([*TOP, *HOMES, *ANYWHERE, *SECTIONS] if section in ("", "training") else []))
    if not near and section in ("", "data"):
        return Complaint(f"{at}is not known: options of your own, for a function that makes the setup, stand under `model`")
    others = f": {section} has {', '.join(_kind(tuple(section.split('.'))).model_fields)}" if section else ""
    return Complaint(f"{at}is not known{near or others}")


def _kind(place: Place) -> type[BaseModel]:
    kind: type[BaseModel] = RunConfig
    for name in place:
        kind = section_of(kind, name) or kind
    return kind
