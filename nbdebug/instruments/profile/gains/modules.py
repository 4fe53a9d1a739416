"""Candidates that run parts of the model otherwise: recomputed in the backward pass, without a graph, in larger batches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from nbdebug.errors import BatchError, StepError
from nbdebug.instruments.profile.gains.candidate import Candidate
from nbdebug.listening import plain_path
from nbdebug.step_cost import Batches
from nbdebug.training_setup import TrainingSetup

WORTH = 0.3  # share of the step's peak that is kept for the backward pass, below which checkpointing frees little; our choice
ALL = 0.9  # of all that is kept: what keeps more is recomputed as a whole, and its peak is the same; our choice
LARGE = 0.1  # of all that is kept: such a module is checkpointed; our choice


def checkpointing(setup: TrainingSetup, kept: dict[str, int], peak: int) -> Candidate:
    """The modules that keep most are run again in the backward pass, in place of keeping what they computed.

    Args:
        kept: path → bytes that this module alone keeps.
        peak: bytes of the step.
    """
    whole = sum(kept.values())
    chosen = _chosen(setup.model, kept, LARGE * whole)
    why_not = ""
    if whole < WORTH * peak:
        why_not = f"what is kept for the backward pass is {whole / max(peak, 1):.0%} of the step's peak"
    elif not chosen:
        why_not = "what is kept lies in the model itself, or in parts with batch-norm, whose statistics would be taken twice"
    said = ", ".join(f"model.{path}" for path in chosen)
    code = f"from torch.utils.checkpoint import checkpoint\n\n# in forward(), for {said}:\nx = checkpoint(self.block, x, use_reentrant=False)"

    @contextlib.contextmanager
    def on(lent: TrainingSetup) -> Iterator[TrainingSetup]:
        parts = {plain_path(path): module for path, module in lent.model.named_modules()}
        with _wrapped([parts[path] for path in chosen], lambda forward: lambda *a, **k: checkpoint(forward, *a, use_reentrant=False, **k)):
            yield lent

    name = f"checkpointing of {len(chosen)} {'module' if len(chosen) == 1 else 'modules'}" if chosen else "checkpointing"
    return Candidate(name, code, why_not, on, for_memory=True, caution="memory for time: these modules run forward twice")


def _chosen(model: nn.Module, kept: dict[str, int], least: float) -> tuple[str, ...]:
    """The outermost modules inside the model that keep much, but not nearly all, and have nothing that may run only once."""
    chosen: list[str] = []
    whole = sum(kept.values())
    for path, module in ((plain_path(path), module) for path, module in model.named_modules()):
        if not path or any(path.startswith(f"{outer}.") for outer in chosen) or isinstance(module, (nn.ModuleList, nn.ModuleDict)):
            continue
        inside = sum(size for other, size in kept.items() if other == path or other.startswith(f"{path}."))
        has_parts = next(module.children(), None) is not None
        once_only = any(isinstance(m, (_BatchNorm, nn.RNNBase)) for m in module.modules())
        if has_parts and not once_only and least <= inside < ALL * whole:
            chosen.append(path)
    return tuple(chosen)


def without_graph(setup: TrainingSetup) -> Candidate:
    """Frozen parts under no_grad."""
    frozen = _frozen(setup.model)
    said = ", ".join(path for path, _ in frozen[:3])
    code = f"with torch.no_grad():  # around {said}\n    features = self.{frozen[0][0] if frozen else 'trunk'}(x)"

    @contextlib.contextmanager
    def on(lent: TrainingSetup) -> Iterator[TrainingSetup]:
        with _wrapped([module for _, module in _frozen(lent.model)], lambda forward: torch.no_grad()(forward)):
            yield lent

    return Candidate("frozen parts under no_grad", code, "" if frozen else "nothing is frozen", on)


def _frozen(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The outermost modules with weights, none of which wants a gradient."""
    found: list[tuple[str, nn.Module]] = []
    for path, module in model.named_modules():
        weights = list(module.parameters())
        inside = any(path.startswith(f"{outer}.") for outer, _ in found)
        if path and weights and not inside and not any(p.requires_grad for p in weights):
            found.append((plain_path(path), module))
    return found


@contextlib.contextmanager
def _wrapped(modules: list[nn.Module], wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """The forward of these modules, wrapped."""
    saved = [vars(module).get("forward") for module in modules]
    for module in modules:
        vars(module)["forward"] = wrap(module.forward)
    try:
        yield
    finally:
        for module, own in zip(modules, saved, strict=True):
            vars(module).pop("forward", None)
            if own is not None:
                vars(module)["forward"] = own


def larger_batch(setup: TrainingSetup, batches: Batches, times: int = 2) -> Candidate:
    """Twice as many samples at a time; the ratio is that of a sample."""
    name = f"a batch {times} times as large"
    own = batches.own
    if own is None or (batches.total is not None and times * own > batches.total):
        return Candidate(name, why_not="there are not enough samples for it, or they cannot be told apart")
    try:
        made = batches.make(times * own)
    except (BatchError, StepError) as error:
        return Candidate(name, why_not=str(error))
    caution = "it is another training: the learning rate must follow, and memory be there; nbdebug.batch_size says how"
    return Candidate(
        name, f"train_loader = DataLoader(dataset, batch_size={times * own}, shuffle=True)", "",
        prepared=lambda _: made, times=times, caution=caution,
    )  # fmt: skip
