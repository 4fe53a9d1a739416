"""One failing step in one file: written where it failed, read and repeated anywhere.

The file is what torch.save makes of tensors and plain containers, and is read with weights_only=True: no code is in it that could run. It
holds the weights, the batch and the text of the user's code, so it is readable by its owner alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nbdebug.errors import CapsuleError, first_line
from nbdebug.nonfinite.kept.capsule_file import MEANT, SUFFIX, loaded, saved
from nbdebug.nonfinite.kept.fingerprint import Fingerprint, bits_of
from nbdebug.nonfinite.kept.flat import Flattener
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.rebuilding import rebuilt
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.kept.surroundings import environment, sources
from nbdebug.nonfinite.kept.training_state import gathered
from nbdebug.nonfinite.origin import Origin
from nbdebug.plain import from_plain, to_plain

FORMAT, VERSION = "nbdebug capsule", 1
_AS_IT_IS: Any = object()


@dataclass(frozen=True)
class Capsule:
    """A step as it was read from a file."""

    path: str
    bytes: int
    step: int  # of the training, from 0
    of: str  # "setup": loss_fn(model(inputs), targets); "loop": a loop of the user's own
    precision: str  # as TrainingSetup.precision
    tripped: str  # "loss", "gradients" or "weights": what was not finite
    origin: Origin | None  # as it was found where the step failed
    loss: str  # its bits, as fingerprint.bits_of
    fingerprint: Fingerprint  # after the backward pass; its gradients empty when there was none
    state: dict[str, Any]  # as training_state.gathered
    indices: tuple[int, ...] | None
    sources: dict[str, str]  # file or cell → text, for reading
    environment: dict[str, str]
    limits: tuple[str, ...]  # what is not in it
    _batch: Any = field(repr=False, default=None)
    _random: Any = field(repr=False, default=None)

    @property
    def autocast(self) -> str | None:
        """The precision to say; None for a loop that may have entered autocast by itself."""
        return None if self.of == "loop" and self.precision == "32-true" else self.precision

    def batch(self) -> Any:
        """The batch, on the CPU."""
        return _sound(self.path, lambda: rebuilt(self._batch))

    def random_states(self) -> dict[str, Any]:
        """"random state: torch" → what its writer takes."""
        return _sound(self.path, lambda: rebuilt(self._random))


def write(
    directory: str | os.PathLike[str], parts: Parts, snapshot: Snapshot, *, step: int, origin: Origin | None,
    loss: Tensor | float | None, precision: str = "32-true", batch: Any = _AS_IT_IS, indices: tuple[int, ...] | None = None,
    of: str = "setup", update: Snapshot | None = None, fingerprint: Fingerprint | None = None, tripped: str = "", texts: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """Writes `step-<step>.nbd` into the directory, and gives its path back.

    Args:
        snapshot: of the start of the step. What it did not copy (weights, with weights=False) is taken as it is now.
        loss: as it came out, unscaled.
        batch: that of the snapshot when not told.
        indices: of the batch's samples in the dataset.
        of: "setup" when the loss is loss_fn(model(inputs), targets), "loop" for a loop of the user's own.
        update: of right before the update, when weights and optimizers were copied only there.
        fingerprint: taken at the trip, right after the backward pass; when not told, taken now.
        tripped: "loss", "gradients" or "weights"; when not told, by the loss and the origin's phase.
        texts: more of the user's code to show, such as {"loop": text}.

    Raises:
        CapsuleError: it could not be written (no room, no permission), or holds what has no plain form.
    """
    tripped = tripped or _tripped(loss, origin)
    told = {
        "format": FORMAT, "version": VERSION, "step": step, "of": of, "tripped": tripped, "origin": to_plain(origin),
        "precision": _precision(snapshot) if precision == "32-true" else precision, "loss": "" if loss is None else bits_of(loss),
        "indices": None if indices is None else [int(i) for i in indices], "sources": {**sources(parts), **(texts or {})},
    }  # fmt: skip
    try:
        state = _read_off(parts, snapshot, update, snapshot.batch if batch is _AS_IT_IS else batch, fingerprint, tripped)
    except (RuntimeError, TypeError, AttributeError) as error:  # a tensor of a kind that nobody thought of
        why = f"{type(error).__name__}: {first_line(error)}"
        raise CapsuleError(f"the failing step could not be kept, its state cannot be read: {why}") from error
    return saved({**told, **state}, os.path.join(os.fspath(directory), f"step-{step}{SUFFIX}"))


def _read_off(
    parts: Parts, snapshot: Snapshot, update: Snapshot | None, batch: Any, fingerprint: Fingerprint | None, tripped: str
) -> dict[str, Any]:
    """What takes time and memory: the copies."""
    flatten = Flattener()
    flat_batch = flatten(batch, "batch")
    state, lost = gathered(parts, snapshot, update)
    taken = fingerprint or Fingerprint.of(parts)
    gradients = "" if tripped == "loss" and fingerprint is None else taken.gradients  # there was no backward pass yet
    device = next((p.device for p in parts.parameters().values()), torch.device("cpu"))
    return {
        "state": state, "batch": flat_batch, "random": Flattener()(snapshot.random_states), "environment": environment(device),
        "fingerprint": {"gradients": gradients, "weights": taken.weights}, "limits": _limits(parts, (snapshot, update), tripped, [*flatten.lost, *lost]),
    }  # fmt: skip


def _tripped(loss: Tensor | float | None, origin: Origin | None) -> str:
    if loss is not None and not bool(torch.as_tensor(loss).isfinite().all()):
        return "loss"
    return "weights" if origin is not None and origin.phase == "optimizer" else "gradients"


def _precision(snapshot: Snapshot) -> str:
    """Of a loop that stands inside autocast as a whole."""
    on = [name for name, state in snapshot.autocast.items() if state is True]
    dtype = snapshot.autocast.get(f"{on[0]} dtype") if on else None
    return {torch.float16: "16-mixed", torch.bfloat16: "bf16-mixed"}.get(dtype, "32-true")


def _limits(parts: Parts, snapshots: tuple[Snapshot, Snapshot | None], tripped: str, lost: list[str]) -> list[str]:
    snapshot = snapshots[0]
    said = [f"the step wrote into batch{path}, whose first values are lost" for path in snapshot.written()]
    copied = any(s is not None and s.knows(optimizer) for s in snapshots for optimizer in parts.optimizers)
    if tripped == "weights" and not copied:
        said.append("the weights are those of after the step: no copy was kept from before it")
    said += [f"{path} has no plain form and is not in the capsule" for path in lost]
    return said + list(snapshot.limits)


# -- reading ------------------------------------------------------------------------------------------------------------


def read(path: str | os.PathLike[str]) -> Capsule:
    """A capsule, with its tensors on the CPU.

    Raises:
        CapsuleError: there is none, or it is damaged, foreign, or of a newer nbdebug.
    """
    path = os.fspath(path)
    content = loaded(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("version"), int):
        raise CapsuleError(f"{path} {MEANT}")
    if content["version"] > VERSION:
        newer = f"format {content['version']}, this one reads {VERSION}"
        raise CapsuleError(f"{path} was written by a newer nbdebug ({newer}): pip install -U nbdebug")
    return _sound(path, lambda: _capsule(path, content))


def _capsule(path: str, content: dict[str, Any]) -> Capsule:
    indices, origin = content["indices"], from_plain(Origin | None, content["origin"])
    if not isinstance(origin, Origin | None):
        raise TypeError("the origin is none")
    return Capsule(
        path=path, bytes=os.path.getsize(path), step=content["step"], of=content["of"], precision=content["precision"],
        tripped=content["tripped"], origin=origin, loss=content["loss"],
        fingerprint=Fingerprint(**content["fingerprint"]), state=content["state"],
        indices=None if indices is None else tuple(indices), sources=dict(content["sources"]),
        environment=dict(content["environment"]), limits=tuple(content["limits"]), _batch=content["batch"], _random=content["random"],
    )  # fmt: skip


def _sound(path: str, make: Any) -> Any:
    try:
        return make()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, RecursionError) as error:
        raise CapsuleError(f"{path} is damaged, or was changed by hand: {type(error).__name__}: {first_line(error)}") from error
