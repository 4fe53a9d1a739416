"""Reads a configuration: from a file, a text, a mapping or nothing, with what the call says on top."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from nbdebug.errors import ConfigError
from nbdebug.training.config import together, yaml_text
from nbdebug.training.config.placing import Complaint, Place, Said, Source, placed
from nbdebug.training.config.run_config import RunConfig
from nbdebug.training.config.values import Wrong, shown

TEXT = re.compile(r"\n|^\s*[{#]|^\s*[\w.]+\s*:(\s|$)")  # what tells a YAML text from the name of a file
TAKES_BACK = {  # a call that says the first takes back what an earlier source says of the others
    ("training", "epochs"): (("training", "max_steps"),),
    ("training", "max_steps"): (("training", "epochs"),),
    ("training", "validate_every_steps"): (("training", "validate_every"),),
    ("training", "early_stopping", "monitor"): (("training", "early_stopping", "mode"),),
    ("checkpoint", "monitor"): (("checkpoint", "mode"),),
    ("scheduler", "warmup_steps"): (("scheduler", "warmup_ratio"), ("scheduler", "warmup_epochs")),
    ("scheduler", "warmup_ratio"): (("scheduler", "warmup_steps"), ("scheduler", "warmup_epochs")),
    ("scheduler", "warmup_epochs"): (("scheduler", "warmup_steps"), ("scheduler", "warmup_ratio")),
    ("scheduler", "type"): (("scheduler", "interval"),),
}


def read_config(source: None | str | os.PathLike[str] | Mapping[str, Any] | RunConfig = None, **overrides: Any) -> RunConfig:
    """A complete, checked configuration.

    Args:
        source: the path of a YAML file, a YAML text, a mapping, a configuration, or None for the defaults.
        overrides: short names (`lr=3e-4`, `epochs=2`), sections (`optimizer={"type": "sgd"}`), or dotted paths in `**{"optimizer.lr": 1e-3}`.

    Raises:
        ConfigError: everything that cannot be meant, each with its line, what was seen and what is expected.
    """
    values, origin = _values(source)
    first, complaints = _apart(placed(values, origin))
    over, more = _apart(placed(overrides, Source("the call", call=True)))
    complaints += more + _said_twice(first) + _said_twice(over)
    said = _merged(first, over)
    config = _checked(said, complaints)
    if complaints or config is None:
        raise ConfigError(_all_of(complaints, origin))
    return config


def _values(source: Any) -> tuple[Mapping[str, Any], Source]:
    if source is None:
        return {}, Source("the configuration")
    if isinstance(source, RunConfig):
        return source.model_dump(), Source("the configuration")
    if (said := _settings(source)) is not None:
        return said, Source("config")
    if isinstance(source, str) and TEXT.search(source):
        return _of_text(source, "the text")
    if isinstance(source, (str, os.PathLike)):
        return _of_file(Path(source))
    raise ConfigError(f"config must be the path of a YAML file, a mapping or nothing, got {shown(source)}")


def _settings(source: Any) -> Mapping[str, Any] | None:
    """What holds settings by name: a mapping, a dataclass, what argparse gives, a model of pydantic's."""
    if isinstance(source, Mapping):
        return source
    if dataclasses.is_dataclass(source) and not isinstance(source, type):
        return dataclasses.asdict(source)
    if isinstance(source, BaseModel):
        return source.model_dump()
    return vars(source) if isinstance(source, argparse.Namespace) else None


def _of_text(text: str, title: str) -> tuple[Mapping[str, Any], Source]:
    found = yaml_text.read(text, title)
    return found.values, Source(title, found.lines)


def _of_file(path: Path) -> tuple[Mapping[str, Any], Source]:
    try:
        return _of_text(path.expanduser().read_text(encoding="utf-8-sig"), path.name)
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}{_neighbours(path)}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is no text in UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from None


def _neighbours(path: Path) -> str:
    """The file that may have been meant, or those that are there."""
    there = sorted(file.name for kind in ("*.yaml", "*.yml") for file in path.parent.glob(kind)) if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, there, n=1)
    if near:
        return f' (did you mean "{near[0]}"?)'
    return f": {path.parent.absolute()} has {', '.join(there[:8])}" if there else f" in {path.parent.absolute()}"


def _apart(found: Iterable[Said | Complaint]) -> tuple[list[Said], list[Complaint]]:
    said: list[Said] = []
    complaints: list[Complaint] = []
    for one in found:
        (said if isinstance(one, Said) else complaints).append(one)  # type: ignore[arg-type]
    return said, complaints


def _said_twice(said: list[Said]) -> list[Complaint]:
    seen: dict[Place, Said] = {}
    found = []
    for one in said:
        before = seen.setdefault(one.place, one)
        if before is not one and before.value != one.value:
            found.append(one.complaint(f"is {shown(one.value)}, and {before.written} says {shown(before.value)}: say one of them"))
    return found


def _merged(first: list[Said], over: list[Said]) -> dict[Place, Said]:
    """What counts in the end: of one place, and of what lies in it, the later word."""
    said = {one.place: one for one in first}
    for one in over:
        if one.value != {}:
            taken_back = TAKES_BACK.get(one.place, ()) if one.value is not None else ()
            replaced = [place for place in said if place in taken_back or _within(place, one.place) or _within(one.place, place)]
            said = {place: old for place, old in said.items() if place not in replaced}
    return {**said, **{one.place: one for one in over}}


def _within(place: Place, outer: Place) -> bool:
    return place[: len(outer)] == outer


def _betas(said: dict[Place, Said]) -> dict[Place, Said]:
    """The two numbers that transformers writes apart."""
    halves = [said.pop(("optimizer", half), None) for half in ("beta1", "beta2")]
    told = next(filter(None, halves), None)
    if told is not None:
        place = ("optimizer", "betas")
        usual = said[place].value if place in said else [0.9, 0.999]
        said[place] = Said(place, [half.value if half is not None else usual[i] for i, half in enumerate(halves)], told.path, told.source)
    return said


def _checked(said: dict[Place, Said], complaints: list[Complaint]) -> RunConfig | None:
    """The configuration, or None and more complaints."""
    said = _betas(dict(said))
    try:
        config = RunConfig.model_validate(_tree(said))
    except ValidationError as error:
        for one in error.errors():
            wrong = one.get("ctx", {}).get("error")
            place = tuple(map(str, one["loc"])) + (tuple(wrong.field.split(".")) if isinstance(wrong, Wrong) else ())
            complaints.append(_about(said, place, str(wrong) if wrong is not None else _plainly(one)))
        return None
    complaints += [_about(said, place, message) for place, message in together.troubles(config, said)]
    return config


def _tree(said: Mapping[Place, Said]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for place, one in sorted(said.items(), key=lambda item: len(item[0])):
        inner = tree
        for name in place[:-1]:
            inner = inner.setdefault(name, {})
        inner[place[-1]] = dict(one.value) if one.value == {} else one.value
    return tree


def _about(said: Mapping[Place, Said], place: Place, message: str) -> Complaint:
    """A complaint beside the word that it is about: what was said there, around it, or in it."""
    around = [place[:n] for n in range(len(place), 0, -1)]
    told = next((said[outer] for outer in around if outer in said), None)
    if told is None:
        told = next((one for inner, one in said.items() if _within(inner, place)), None)
        return told.complaint(message) if told is not None else Complaint(f"{'.'.join(place)} {message}")
    return told.complaint(message, place)


def _plainly(error: Mapping[str, Any]) -> str:
    """What pydantic itself finds, in our words."""
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return f"must be a mapping of names and values, got {shown(error['input'])}"
    return f"is wrong ({error['msg']}), got {shown(error['input'])}"


def _all_of(complaints: list[Complaint], origin: Source) -> str:
    texts = list(dict.fromkeys(one.text for one in complaints))
    if len(texts) == 1:
        return texts[0]
    return "\n  ".join((f"{len(texts)} things in {origin.title if origin.lines else 'the configuration'} cannot be meant:", *texts))
