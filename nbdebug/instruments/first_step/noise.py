"""Noise that is added to the inputs on their way to the model, beside what it is added to."""

from __future__ import annotations

import math

from torch import Tensor

from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Noise
from nbdebug.listening import Call, Tape

RANDOM = ("randn", "randn_like", "rand", "rand_like", "normal", "normal_", "uniform_", "empty_like")
ADDS = ("add", "sub", "radd", "rsub", "iadd", "isub")
DROWNS = 5.0  # times as wide as the inputs; our choice: a twenty-fifth of the variance is left, denoisers are taught with up to 1
EVEN = 3.0  # times, by which noise differs between samples at most; diffusion draws its strength for each anew


def noise(tape: Tape) -> tuple[Noise, ...]:
    """Every addition of pure noise to what no parameter had a part in, and that is so wide that it drowns it.

    Noise that is used a second time is the target of a denoiser, and left alone.
    """
    return tuple(found for call in tape.calls if call.name.strip("_") in ADDS and (found := _added(tape, call)) is not None)


def noise_of_loader(tape: Tape) -> tuple[Noise, ...]:
    """The same while a batch is read, by the dataset or where samples are put together: a line that drowns every sample it is given.

    What is handed out without the noise as well is the target of a denoiser, and left alone.
    """
    lines: dict[Location, list[Noise]] = {}
    for call in tape.calls:
        if call.name.strip("_") in ADDS and (found := _added(tape, call, 0.0, clean=True)) is not None:
            lines.setdefault(found.place, []).append(found)
    return tuple(found[0] for found in lines.values() if all(n.width >= DROWNS * n.inputs for n in found))


def _added(tape: Tape, call: Call, drowns: float = DROWNS, *, clean: bool = False) -> Noise | None:
    if len(call.given) != 2 or not isinstance(call.output, Tensor) or not call.output.is_floating_point() or call.output.requires_grad:
        return None
    chains = [_chain(tape, index) for index in call.parents]
    which = next((at for at, chain in enumerate(chains) if chain and not chains[1 - at]), None)
    if which is None or _used_again(tape, call, chains[which]):
        return None
    source = call.parents[1 - which]
    if clean and source >= 0 and any(source in other.parents for other in tape.calls if other is not call and other.index not in chains[which]):
        return None
    added, output = call.given[which].detach().double(), call.output.detach().double()
    if added.shape != output.shape or output.numel() < 2 or not _is_even(added):
        return None
    inputs = output - added if "sub" not in call.name else output + added  # written in place, only the sum is left
    width, of_inputs = float(added.std()), float(inputs.std())
    if not math.isfinite(width) or of_inputs <= 0 or width < drowns * of_inputs:
        return None
    return Noise(width, of_inputs, call.location)


def _chain(tape: Tape, index: int) -> set[int]:
    """The calls behind a tensor, when nothing but random numbers and plain ones went into it; else none."""
    found: set[int] = set()
    ahead = [index]
    while ahead:
        at = ahead.pop()
        if at < 0:
            return set()
        call = tape.calls[at]
        found.add(at)
        if call.name in RANDOM:
            continue
        if not call.parents:
            return set()
        ahead += [parent for parent, tensor in zip(call.parents, call.given, strict=True) if parent >= 0 or tensor.numel() > 1]
    return found


def _used_again(tape: Tape, adding: Call, chain: set[int]) -> bool:
    return any(not chain.isdisjoint(call.parents) for call in tape.calls if call.index not in chain and call is not adding)


def _is_even(added: Tensor) -> bool:
    """Whether all samples get noise of one strength."""
    if added.ndim < 2 or added[0].numel() < 8:
        return True
    widths = added.flatten(1).std(1)
    return bool(widths.max() <= EVEN * widths.min())
