"""Check of clipping and dropout that drown the gradient."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from nbdebug import curve_shapes
from nbdebug.findings import WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.curves import LOSS, VALIDATION
from nbdebug.instruments.watch.reading.clipping import HELD, held_back
from nbdebug.instruments.watch.reading.learning import (
    Loss,
    beside,
    demand_loss,
    has_fallen,
    learns_in_validation,
)
from nbdebug.instruments.watch.reading.motion import moving, usual_place
from nbdebug.instruments.watch.reading.source import calls, dotted, targets
from nbdebug.instruments.watch.reading.written import only_line
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched

CREEPING = 5e-4  # update over weight, below which a loss that a constant prediction would get is said to be held back; our choice
STEPS = 20  # from which on a loss that did not fall says something about the updates; our choice
DROPPED = 0.8  # probability of dropout; our choice: at 0.8 wide layers learn
NEARLY_ALL, LONG, POOR = 0.85, 200, 0.75  # dropout from which on a loss that stands at so much of a constant prediction's after so many steps is too high; our choice
RANDOM = ("randn", "randn_like", "rand_like", "normal", "normal_")
NOISY_STEPS = 60  # from which on a loss under dropout has had its chance; our choice


@watched.check(
    "ND608", "clipping or noise drowns the gradient", severity=WARNING,
    advice="clip at about the median of the gradient norms, or at 1.0; dropout of 0.1 to 0.5",
)  # fmt: skip
def clip_or_noise(result: WatchResult) -> Iterator[Seen]:
    """Clipping so tight, or dropout so heavy, that nothing is learnt.

    Wrong: what is left of each gradient is too little, or too noisy, to follow.
    Seen: at nine of ten steps the norm was more than 10 times the limit (or most elements lie at it), updates are below
        1e-4 of the weights because of it (5e-4 where the loss is no better than a constant prediction's), and the loss does not fall; or dropout of 0.8 and more, healthy updates, and
        a loss that is no better than a constant prediction. Tight clipping before Adam, which takes the size out
        again, or with a rate that makes up for it, is not accused.
    Where: the line of the clipping; the dropout module.
    Try: a limit near the norms that the report shows; less dropout; less of the noise that the loop adds to its gradients.
    Bad:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(5):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1e-6)
                optimizer.step()
    Good:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(5):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
    Source: Pascanu, Mikolov, Bengio, 2013; Srivastava et al., Dropout, 2014; thresholds are our choice.
    """
    yield from _noise_by_hand(result)
    clips = {event.who: event for _, event in result.events("clip")}
    dropouts = [(m, path, p) for m in result.models for path, p in m.dropouts.items() if p >= DROPPED]
    if not clips and not dropouts:
        return
    loss = demand_loss(result, STEPS)
    for motion in moving(result):
        clip = clips.get(motion.optimizer.name)
        held = held_back(result, motion, clip, CREEPING if loss.at_constant(1 / 3) else HELD) if clip is not None else None
        if held is None or motion.optimizer.steps < STEPS or (has_fallen(loss) and not loss.at_constant(1 / 3)):
            continue
        said, factor = held
        place = replace(usual_place(result, "clip", motion.optimizer.name), detail=f"{motion.label}, by {clip.facts.get('by')}")
        yield Seen(
            f"{said}, so that updates of {motion.label} are {motion.ratio:.1e} of the weights, and {loss.track.name} stays at "
            f"{curve_shapes.end(loss.values):.3g} over steps 0 to {result.steps - 1}",
            place, {"limit": clip.facts.get("limit"), "norm_over_limit": factor, "update_over_weight": motion.ratio},
        )  # fmt: skip
        return
    model, path, p = max(dropouts, key=lambda found: found[2], default=(None, "", 0.0))
    if model is not None and _drowned(result, loss, p):
        yield Seen(
            f"dropout of {p:g} leaves {1 - p:.0%} of the values, and after {result.steps} steps {loss.track.name} stands at "
            f"{curve_shapes.end(loss.values, 0.5):.3g}{beside(loss)}",
            Location(module=path, detail=model.name), {"p": p, "loss": curve_shapes.end(loss.values, 0.5), "constant": loss.constant},
        )  # fmt: skip


def _noise_by_hand(result: WatchResult) -> Iterator[Seen]:
    """Random numbers that the loop itself adds to the gradients, and a loss, watched without a gradient as well, that does not fall."""
    track = result.tracks.get(LOSS) or result.tracks.get(VALIDATION)
    values = track.finite() if track is not None else []
    place = only_line(result, _makes_noise) if len(values) >= NOISY_STEPS and not curve_shapes.fell(values) else None
    if track is None or place is None or not any(m.ratio >= HELD for m in moving(result)):
        return
    yield Seen(
        f"random numbers are added to the gradients here, and {track.name} does not fall: it began at {curve_shapes.begin(values):.3g} and ends at "
        f"{curve_shapes.end(values):.3g} over steps 0 to {result.steps - 1}",
        replace(place, detail="noise in the gradients"), {"begin": curve_shapes.begin(values), "end": curve_shapes.end(values)},
        advice="less noise; noise for private gradients is added to their sum, and divided by the size of the batch with it",
    )  # fmt: skip


def _makes_noise(node: ast.AST) -> bool:
    """Whether it writes random numbers into a gradient."""
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        value, into = node.value, targets(node)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("add_", "copy_", "sub_"):
        value, into = node, [node.func.value]
    else:
        return False
    return any(isinstance(t, (ast.Name, ast.Attribute)) and "grad" in dotted(t).split(".")[1:] for t in into) and bool(calls(value, *RANDOM))


def _drowned(result: WatchResult, loss: Loss, p: float) -> bool:
    """Whether a loss under heavy dropout learnt nothing, though the weights move."""
    if len(loss.values) < NOISY_STEPS or not any(m.ratio >= HELD for m in moving(result)):
        return False
    if learns_in_validation(result, loss):
        return False
    if loss.constant is not None:
        over = loss.over_constant(1 / 3)
        return loss.at_constant() or p >= NEARLY_ALL and len(loss.values) >= LONG and over is not None and over >= POOR
    return not curve_shapes.fell(loss.values)
