"""Check of weights in half precision: updates that rounding takes away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torch import optim

from nbdebug.findings import WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.motion import over_steps, set_at, usual_place
from nbdebug.instruments.watch.result import Model, Optimizer, TensorTrack, WatchResult
from nbdebug.instruments.watch.session import watched

LOST = 0.5  # of the elements with a gradient, that an update leaves as they were; our choice: in float32 it is next to none
LOOKS = 8  # sampled steps; our choice
HALF = {"bfloat16": "3 digits", "float16": "4 digits"}


@watched.check("ND807", "low-precision range", severity=WARNING, advice="keep the weights in float32 and use autocast, or an optimizer with float32 master weights")
def updates_rounded_away(result: WatchResult) -> Iterator[Seen]:
    """Weights in half precision most of whose elements do not move, though they have a gradient: half a digit is more than the update."""
    for model in result.models:
        for optimizer in result.optimizers:
            if model.dtype not in HALF or optimizer.name not in model.optimizers or not hasattr(optim, optimizer.kind) or not optimizer.groups:
                continue  # optimizers of other libraries round at random, or keep what rounding takes
            lost = _lost(result, optimizer)
            if lost is not None and lost[0] >= LOST:
                yield _seen(result, model, optimizer, *lost)


def _seen(result: WatchResult, model: Model, optimizer: Optimizer, share: float, worst: str) -> Seen:
    place = set_at(result, model.name, usual_place(result, "step", optimizer.name))
    return Seen(
        f"the weights of `{model.name}` are {model.dtype}, which has {HALF[model.dtype]}, and at the middle step {share:.0%} of the elements with a gradient "
        f"stay as they are, most of all in `{worst}`: updates at lr {optimizer.groups[0].lr:.2g} are less than half a digit (steps 0 to {result.steps - 1})",
        replace(place, detail=f"{optimizer.name}, {model.dtype}"), {"share_lost": share, "steps": result.steps},
    )  # fmt: skip


def _lost(result: WatchResult, optimizer: Optimizer) -> tuple[float, str] | None:
    """Of the elements with a gradient the share that did not move, in the middle over the steps; and the parameter of which it is largest."""
    known = {(t.what, t.name): t for t in result.tensors if t.what in ("gradient", "update")}
    pairs = [(name, known["gradient", name], known["update", name]) for g in optimizer.groups for name in g.parameters if ("gradient", name) in known and ("update", name) in known]
    wanted: dict[int, float] = {}
    moved: dict[int, float] = {}
    shares: dict[str, float] = {}
    for name, gradient, update in pairs:
        asked, made = _nonzero(gradient), _nonzero(update)
        for step in asked.keys() & made.keys():
            wanted[step] = wanted.get(step, 0.0) + asked[step]
            moved[step] = moved.get(step, 0.0) + min(made[step], asked[step])
        if sum(asked.values()):
            shares[name] = 1 - sum(made.values()) / sum(asked.values())
    steps = sorted(step for step in wanted if wanted[step])
    lost = [1 - moved[step] / wanted[step] for step in steps]
    return (over_steps(steps, lost), max(shares, key=lambda name: shares[name])) if len(lost) >= LOOKS else None


def _nonzero(track: TensorTrack) -> dict[int, float]:
    """Step → elements that are not zero, of all."""
    return {
        step: track.elements * (1 - counts[0] / looked)
        for step, counts, looked in zip(track.steps, track.counts, track.looked_at, strict=True)
        if counts and looked
    }  # fmt: skip
