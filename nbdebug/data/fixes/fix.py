"""A mend as code to paste, and the trial that it has to stand before it is shown."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Fix:
    """One mend that was run on copies of the sampled rows."""

    title: str
    why: str  # what was seen, with the number
    code: str  # plain Python; its first line says which names it takes
    checked: str  # what was true after it ran, with the number
    optional: bool = False  # nothing is wrong without it


@dataclass(frozen=True)
class Draft:
    """A mend that nobody has tried yet."""

    title: str
    why: str
    code: str
    given: Callable[[], dict[str, Any]]  # fresh copies under the names that the code takes
    verify: Callable[[dict[str, Any], dict[str, Any]], str]  # (names before, names after) → what holds; "" where it does not
    optional: bool = False
    gone: tuple[int, ...] = ()  # places of the columns that it takes away


def tried(draft: Draft, earlier: Sequence[Fix] = ()) -> Fix | None:
    """The mend, if it runs on what the earlier ones leave and does what it says; the random states are as before."""
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            before, names = (_left_by(earlier, draft.given()) for _ in range(2))
            exec(compile(draft.code, "<mend>", "exec"), names)
            checked = draft.verify(before, names)
    except Exception:  # of whatever kind: it shall not be pasted
        return None
    return Fix(draft.title, draft.why, draft.code, checked, draft.optional) if checked else None


def _left_by(earlier: Sequence[Fix], names: dict[str, Any]) -> dict[str, Any]:
    """The names after the earlier mends; those that take other names change nothing."""
    for fix in earlier:
        after = dict(names)
        try:
            exec(compile(fix.code, "<mend>", "exec"), after)
        except NameError:
            continue
        names = after
    return names
