"""Which variable is the data? For a notebook that has no model yet: a loader, a dataset, a frame, or inputs and targets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy
import torch
from torch.utils.data import Dataset, default_collate

from nbdebug.data.sources.table import is_table
from nbdebug.errors import SetupError
from nbdebug.notebook.candidates import Variable, is_for_training, validation_rank, variables_that
from nbdebug.notebook.choosing import choose_train_loader, choose_val_loader
from nbdebug.notebook.search import Search, listed
from nbdebug.notebook.variables import look_up

PAIR = re.compile(r"(?P<of>x|y|inputs|targets|features|labels)(?:_(?P<split>\w+))?", re.IGNORECASE)  # X, y_train, X_test
TARGETS_OF = {"x": ("y",), "inputs": ("targets", "labels"), "features": ("labels", "targets")}


@dataclass(frozen=True)
class Data:
    """Data among the variables, and how one writes it in a cell."""

    value: Any
    text: str  # "df", "(X, y)", "'images/train'"
    val: Any = None
    val_text: str = ""


def named_data(namespace: Mapping[str, Any], word: str, val: str = "", *, quoted: bool = False) -> Data:
    """The data that a line names: a variable, or a path.

    Raises:
        SetupError: it is neither.
    """
    value, text = _named(namespace, word, quoted)
    other, val_text = _named(namespace, val, False) if val else (None, "")
    return Data(value, text, other, val_text)


def found_data(namespace: Mapping[str, Any], verb: str) -> Data:
    """The data of a notebook without a model, where only one thing can be it.

    Raises:
        SetupError: there is none, or several that could be it.
    """
    say = f"%nbdebug {verb}"
    for find in (_loaders, _datasets, _arrays, _frames):
        if (found := find(namespace, say)) is not None:
            return _beside(found, namespace) if find is _loaders else found
    raise SetupError(f"no model and no data was found among the variables: say which is the data, as in {say} df or {say} \"folder/path\"")


def is_data(name: str, value: Any) -> bool:
    """Whether a variable could stand behind `%nbdebug data`."""
    return is_table(value) or isinstance(value, (Dataset, torch.utils.data.DataLoader)) or _is_array(value) or _is_foreign_dataset(value)


def _named(namespace: Mapping[str, Any], word: str, quoted: bool) -> tuple[Any, str]:
    trouble = None
    if not quoted:
        try:
            return look_up(namespace, word), f"({word})" if "," in word and not word.startswith("(") else word
        except SetupError as error:
            trouble = error
    if os.path.exists(word):
        return word, repr(word)
    if trouble is not None and os.sep not in word and "." not in word:
        raise trouble
    raise SetupError(f"there is neither a variable nor a file or folder {word!r}")


def _loaders(namespace: Mapping[str, Any], say: str) -> Data | None:
    search = Search(namespace)
    try:
        choose_train_loader(search)
        choose_val_loader(search)
    except SetupError:
        raise SetupError(_which(search.candidates("train_loader"), say)) from None
    return _as_data(search.taken.get("train_loader"), search.taken.get("val_loader"))


def _as_data(train: Any, val: Any) -> Data | None:
    if train is None:
        return None if val is None else Data(val.value, val.variable)
    return Data(train.value, train.variable, *((val.value, val.variable) if val is not None else ()))


def _beside(found: Data, namespace: Mapping[str, Any]) -> Data:
    """A training loader with the one dataset that is named for validation, where both give samples of one structure."""
    loader = found.value
    if found.val is not None or validation_rank(found.text) is not None or getattr(loader, "collate_fn", None) is not default_collate:
        return found  # what another collate function makes is not what the samples themselves are
    held_out = [v for v in _all_datasets(namespace) if _rank(v) is not None and v.value is not loader.dataset]
    best = [v for v in held_out if _rank(v) == min(map(_rank, held_out))]
    return replace(found, val=best[0].value, val_text=best[0].name) if len(best) == 1 else found


def _all_datasets(namespace: Mapping[str, Any]) -> list[Variable]:
    return variables_that(namespace, lambda _, value: isinstance(value, Dataset) or _is_foreign_dataset(value))


def _datasets(namespace: Mapping[str, Any], say: str) -> Data | None:
    return _one_or_pair(_all_datasets(namespace), say)


def _frames(namespace: Mapping[str, Any], say: str) -> Data | None:
    return _one_or_pair(variables_that(namespace, lambda _, value: is_table(value)), say)


def _one_or_pair(variables: list[Variable], say: str) -> Data | None:
    """The one for training and the one for validation by their names; or the only one there is."""
    if not variables:
        return None
    held_out = sorted((v for v in variables if _rank(v) is not None), key=_rank)
    training = [v for v in variables if any(map(is_for_training, v.names))]
    left = training or [v for v in variables if v not in held_out] or held_out[:1]
    if len(left) > 1:
        raise SetupError(_which(left, say))
    val = held_out[0] if held_out and held_out[0] is not left[0] else None
    return Data(left[0].value, left[0].name, *((val.value, val.name) if val is not None else ()))


def _arrays(namespace: Mapping[str, Any], say: str) -> Data | None:
    """`X_train, y_train` with `X_val, y_val` or `X_test, y_test`; or `X, y`."""
    fits = variables_that(namespace, lambda name, value: bool(PAIR.fullmatch(name)) and (_is_array(value) or is_table(value)))
    named = {name.lower(): (name, variable.value) for variable in fits for name in variable.names}
    pairs: dict[str, tuple[tuple[Any, Any], str]] = {}
    for name, (written, inputs) in named.items():
        matched = PAIR.fullmatch(name)
        of, split = matched["of"], matched["split"] or ""
        for other in TARGETS_OF.get(of, ()):
            if (found := named.get(f"{other}_{split}" if split else other)) is not None and split not in pairs:
                pairs[split] = ((inputs, found[1]), f"({written}, {found[0]})")
    train = next((pairs[split] for split in ("train", "tr", "training", "") if split in pairs), None)
    val = next((pairs[split] for split in ("val", "valid", "validation", "dev", "test") if split in pairs), (None, ""))
    return Data(*train, *val) if train is not None else None


def _rank(variable: Variable) -> int | None:
    ranks = [rank for name in variable.names if (rank := validation_rank(name)) is not None]
    return min(ranks, default=None)


def _which(variables: list[Variable], say: str) -> str:
    return f"{listed(variables)} could each be the data: say which, as in {say} {variables[0].name}"


def _is_array(value: Any) -> bool:
    return isinstance(value, (numpy.ndarray, torch.Tensor)) and not isinstance(value, torch.nn.Parameter) and value.ndim > 0


def _is_foreign_dataset(value: Any) -> bool:
    """A dataset of Hugging Face, which is none of torch's."""
    return type(value).__module__.split(".")[0] == "datasets" and hasattr(value, "__getitem__") and hasattr(value, "__len__")
