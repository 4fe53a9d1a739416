"""How an origin is said, with the number beside what it is compared to."""

from __future__ import annotations

import math
from dataclasses import replace

from nbdebug.instruments.find_nan.advice import is_derivative, short
from nbdebug.instruments.find_nan.result import FindNan
from nbdebug.nonfinite.origin import Origin, Values

WORDS = {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}
ENDS = {"loss": "the loss", "backward": "a gradient", "forward": "a buffer"}
MOST = 3  # changes that a sentence tells; the table has all


def message(result: FindNan, origin: Origin) -> str:
    """What gave the bad value and why, what went in, what was tried, and what became of it."""
    if origin.cause == "weights" and not origin.operator:
        return f"training step {origin.step} was lost before it began: {origin.detail}"
    if origin.cause == "carried" and origin.phase != "backward":
        return f"a value {origin.detail.replace('this step', training(origin))}; `{short(origin.operator)}` met it first{_way(origin)}"
    if not origin.operator:
        why = ": ".join(text for text in (origin.detail, result.unexplained) if text)
        return f"in {training(origin)} {ENDS.get(origin.phase, 'a value')} became {word(origin)}, and the place was not found: {why}"
    inside = f" in `{origin.module}`" if origin.module else ""
    verb = "" if origin.phase != "backward" else "the derivative of" if is_derivative(origin) else "after backward()"
    said = f"in {training(origin)} {verb} `{short(origin.operator)}`{inside} gave {word(origin)}".replace("  ", " ")
    reason = f": {origin.detail}" if origin.detail else ""
    remedy = f" ({origin.remedy})" if origin.remedy else ""
    return f"{said}{reason}{met(origin)}{remedy}{_way(origin)}{_growth(result, origin)}"


def headline(origin: Origin) -> str:
    """In a few words, for the error that leaves the loop."""
    place = str(replace(origin.location, detail=""))
    at = f" at {place}" if place else ""
    if origin.cause == "weights":
        return origin.detail.partition(":")[0]
    if origin.cause == "carried":
        return f"{word(origin)} entered from outside of it{at}"
    return f"{word(origin)} came with the batch, at {origin.detail}" if origin.phase == "data" else f"{word(origin)} was born{at}"


def _growth(result: FindNan, origin: Origin) -> str:
    """Of an overflow that a lower learning rate would have spared."""
    finite = [loss for loss in result.losses if math.isfinite(loss)]
    if origin.cause != "learning rate" or len(finite) < 2:
        return ""
    return f". The loss had grown from {finite[0]:.3g} to {finite[-1]:.3g} before"


def training(origin: Origin) -> str:
    return f"training step {origin.step}"


def word(origin: Origin) -> str:
    return WORDS.get(origin.became, origin.became)


def of_how_many(origin: Origin) -> str:
    """`: 2 of 2,048 numbers of that tensor are not finite in this batch`."""
    values = origin.chain[0].output if origin.chain else None
    if values is None:
        return ""
    bad = values.nan + values.positive_inf + values.negative_inf
    return f": {bad:,} of {math.prod(values.shape):,} numbers of that tensor {'is' if bad == 1 else 'are'} not finite in this batch"


def met(origin: Origin) -> str:
    """What went in: `; input from 0 to 0.98 with a mean of 0.43`. Of many the last two, where a divisor stands, and weights last of all."""
    known = [values for link in origin.chain[:1] for values in link.inputs if values.minimum is not None]
    computed = [values for values in known if " of " not in values.name]
    told = [_range(values) for values in (computed or known)[-2:]]
    return f"; {' and '.join(told)}" if told else ""


def _range(values: Values) -> str:
    if values.minimum == values.maximum:
        return f"{values.name} {values.minimum:.3g}"
    return f"{values.name} from {values.minimum:.3g} to {values.maximum:.3g} with a mean of {values.mean:.3g}"


def _way(origin: Origin) -> str:
    """`. Inf at `log` became NaN at `mul`, line 30`, for each change on the way."""
    changes = []
    for before, after in zip(origin.chain, origin.chain[1:], strict=False):
        if before.became != after.became and after.operator:
            line = f", line {after.line}" if after.line is not None and after.line != before.line else ""
            was = f"{WORDS[before.became]} at `{short(before.operator) or 'the batch'}`"
            changes.append(f"{was} became {WORDS[after.became]} at `{short(after.operator)}`{line}")
    return f". {'; '.join(changes[:MOST])}" if changes else ""


def evidence(result: FindNan, origin: Origin) -> dict[str, float | int | str | bool | None]:
    """What a program would ask for."""
    always = ("step", "phase", "became", "cause")
    told = {name: getattr(origin, name) for name in (*always, "sample", "column", "group")} | {"reproduced": result.reproduced}
    return {name: value for name, value in told.items() if name in always or value is not None}


def against_vanishing(what: str) -> str:
    """What to try for a gradient, or an update, that a half-precision format loses."""
    if what == "gradient":
        return "torch.amp.GradScaler around backward() and step(), or bfloat16, which needs none"
    return "keep the weights in float32 and use autocast: what is added to them then is not rounded away"
