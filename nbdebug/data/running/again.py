"""The same sample read twice with other random numbers: does it come back as it was?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.running.asked import Running
from nbdebug.data.running.box import Box
from nbdebug.data.running.passing import Passage
from nbdebug.data.running.spots import datasets_of
from nbdebug.data.running.stored import rows_of
from nbdebug.data.running.values import equal, equal_arrays, inputs_of, is_target, leaves

LABEL = 4  # numbers at most; a target of more is a map, a mask or a signal of its own


@dataclass(frozen=True)
class Repeated:
    """Samples read again."""

    read: int
    differ: int  # samples that came back otherwise
    fields: tuple[str, ...]  # the inputs that did
    steps: tuple[str, ...]  # transforms that gave other answers to the same input
    distance: float  # between two readings of a sample, beside the distance between two samples: 1 is as far
    purpose: str  # what else it may be than augmentation: "tokens", "pairs", "the target is drawn too", …; "" when it is none
    ids: tuple[int, ...]

    @property
    def random(self) -> bool:
        return self.differ > 0


def repeated(running: Running, found: list[Passage], box: Box) -> Repeated | None:
    """Compares the draws of each sample; None when there are none to compare."""
    by_index: dict[Any, list[Passage]] = {}
    for passage in found:
        by_index.setdefault(_key(passage.index), []).append(passage)
    several = {index: draws for index, draws in by_index.items() if len(draws) > 1}
    if not several:
        return None
    other = {index: draws for index, draws in several.items() if any(not equal(draws[0].item, d.item) for d in draws[1:])}
    fields = dict.fromkeys(f for draws in other.values() for f in _fields(draws[0].item, draws[1:]))
    return Repeated(
        len(several), len(other), tuple(fields), _steps(other), _distance(several), _purpose(running, other, tuple(fields)),
        tuple(int(i) for i in other if isinstance(i, int)),
    )  # fmt: skip


def items_again(running: Running, indices: list[Any], start: int, box: Box) -> list[Any]:
    """The items of these indices, one after the other, under other random numbers."""
    items = []
    with running.put_back():
        running.shake(start)
        for index in indices:
            if box.left <= 0:
                break
            items.append(running.read(index))
    return items


def _key(index: Any) -> Any:
    return int(index) if isinstance(index, int | numpy.integer) else str(index)


def _fields(item: Any, others: list[Passage]) -> list[str]:
    first = dict(inputs_of(item))
    seconds = [dict(leaves(other.item)) for other in others]
    return [path for path, array in first.items() if any(path in s and not equal_arrays(array, s[path]) for s in seconds)]


def _steps(other: dict[Any, list[Passage]]) -> tuple[str, ...]:
    """Those steps first that changed although they got the same, then the whole transforms."""
    found: dict[str, bool] = {}
    for draws in other.values():
        for one, two in zip(draws[0].calls, draws[1].calls, strict=False):
            if one.spot is two.spot and equal(one.given, two.given) and not equal(one.output, two.output):
                found[one.spot.name] = one.spot.whole
    steps = [name for name, whole in found.items() if not whole]
    return tuple(steps or found)


def _distance(several: dict[Any, list[Passage]]) -> float:
    """The median over the samples; 0 where nothing moves, inf where samples cannot be compared."""
    firsts = [_flat(draws[0].item) for draws in several.values()]
    seconds = [_flat(draws[1].item) for draws in several.values()]
    within = [_apart(a, b) for a, b in zip(firsts, seconds, strict=True)]
    between = [_apart(a, b) for n, a in enumerate(firsts) for b in firsts[n + 1 :]]
    known = [d for d in between if d is not None]
    if not known or any(d is None for d in within):
        return float("inf")
    ratio = float(numpy.median(within) / max(float(numpy.median(known)), 1e-12))
    return float("inf") if numpy.isnan(ratio) else ratio


def _flat(item: Any) -> numpy.ndarray:
    arrays = [array.reshape(-1).astype(numpy.float64) for _, array in inputs_of(item)]
    return numpy.concatenate(arrays) if arrays else numpy.zeros(0)


def _apart(one: numpy.ndarray, other: numpy.ndarray) -> float | None:
    return float(numpy.sqrt(numpy.nanmean((one - other) ** 2))) if one.shape == other.shape and one.size else None


def purpose_of(running: Running, drawn: dict[Any, list[Passage]]) -> str:
    """What else than augmentation the draws of these samples may be meant for; "" when it is nothing else."""
    fields = dict.fromkeys(name for draws in drawn.values() for name in _fields(draws[0].item, draws[1:]))
    return _purpose(running, drawn, tuple(fields))


def _purpose(running: Running, other: dict[Any, list[Passage]], fields: tuple[str, ...]) -> str:
    """What random inputs may be meant for, other than for augmentation."""
    draws = next(iter(other.values()), None)
    if draws is None:
        return ""
    item, again = draws[0].item, draws[1].item
    inputs, targets = dict(inputs_of(item)), [(p, a) for p, a in leaves(item) if is_target(p, item)]
    varied = [inputs[path] for path in fields if path in inputs]
    if not fields:
        return "only the targets are drawn"
    if all(array.dtype.kind in "iu" and array.ndim <= 1 for array in varied):
        return "tokens: windows or masks are drawn"
    if not targets:
        return "there is no target beside it: views, pairs or noise to be removed"
    if len(varied) > 1 and len({array.shape for array in varied}) == 1 and varied[0].ndim >= 2:
        return "several views of one sample"
    changed = dict(leaves(again))
    moved = [(p, a) for p, a in targets if p in changed and not equal_arrays(a, changed[p])]
    if any(a.size <= LABEL for _, a in moved):
        return "the label is drawn with it"
    if any(a.dtype.kind == "f" and a.shape == varied[0].shape for _, a in targets) and varied[0].ndim >= 1 and varied[0].size > LABEL:
        return "the target is a signal of the same shape: noise to be removed"
    if not any(call.spot.whole for call in draws[0].calls) and not _holds_samples(running, varied[0]):
        return "samples are made anew each time"
    return ""


def _holds_samples(running: Running, array: numpy.ndarray) -> bool:
    """Whether the dataset keeps data that the input may come from: rows, or as many names of files."""
    if any(isinstance(rows, list) or int(numpy.prod(rows.shape[1:])) * 4 >= array.size for _, _, rows in rows_of(running.dataset)):
        return True
    held = [value for _, inner in datasets_of(running.dataset) for value in getattr(inner, "__dict__", {}).values()]
    return any(isinstance(value, list) and value and not isinstance(value[0], int | float) for value in held)
