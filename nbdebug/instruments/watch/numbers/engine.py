"""What the session drives: a sampled step begins, is heard, and ends."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from nbdebug.instruments.watch.numbers.histories import Histories
from nbdebug.instruments.watch.numbers.layers import Layers
from nbdebug.instruments.watch.numbers.names import Names
from nbdebug.instruments.watch.numbers.parameters import Parameters
from nbdebug.instruments.watch.numbers.reduction import Taken, reduced, taken
from nbdebug.instruments.watch.numbers.sampler import Sampler
from nbdebug.instruments.watch.numbers.unseen import unseen
from nbdebug.instruments.watch.result import TensorTrack, Units

TOGETHER = 2**18  # samples of steps that wait to be reduced together: a megabyte, of a small model some twenty looks; our choice: what runs in a row finds itself in the caches
COPIED = 2**20  # elements of copies that wait to be looked at: four megabytes; our choice
SELDOM = 4  # times as much waits where few steps are sampled: of a short loop until it is over; our choice
COUNTS = 2_000_000  # in all that tensor_tracks() gives; our choice: some 20 MB of Python's numbers


@dataclass(frozen=True)
class Norms:
    """The exact norms of the gradients of a sampled step."""

    groups: dict[str, float] = field(default_factory=dict)  # of each group: "Adam", or "Adam, group 0" of several
    optimizers: dict[str, float] = field(default_factory=dict)  # of each optimizer


class Numbers:
    """Follows every layer and parameter of the models it was told of.

    Nothing here raises into the user's loop; what could not be looked at stands in `left_out`, with the reason.

    Args:
        every: steps between two that are sampled, as the session chooses them; None: few steps are sampled.
        memory: bytes that the histories may take; of a long run they thin out, and keep the extremes.
    """

    def __init__(self, every: int | None = 1, memory: int = 64 * 2**20) -> None:
        self.every = every
        self.left_out: dict[str, str] = {}
        self._histories = Histories(memory)
        self._names = Names()
        self._layers = Layers(self._histories, self.left_out)
        if every is None:
            self._layers.units.turns = 1
        self._parameters = Parameters(self._histories, self._names, self.left_out)
        self._sampler: Sampler | None = None
        self._waiting: list[tuple[Sampler, Callable[[], Taken]]] = []
        self._samples = self._copied = 0  # that wait; elements of copies that do
        self._more = SELDOM if every is None else 1

    @property
    def spent(self) -> float:
        """Seconds in hooks that run inside the user's forward and backward passes; the calls below are not among them."""
        return self._layers.spent

    def name_model(self, model: nn.Module, prefix: str = "", named: Sequence[tuple[str, nn.Parameter]] = ()) -> None:
        """A root module was found. Asked again about one it knows, it keeps the names that it gave first.

        Args:
            named: its parameters, where they are known.
        """
        self._names.add(model, prefix, named)
        self._layers.add(model, prefix)

    def name_of(self, parameter: Tensor) -> str:
        """What a parameter of a named model is called in the tracks; empty for any other."""
        return self._names.of(parameter) or ""

    def begin(self, step: int) -> None:
        """A sampled step begins; one that was never ended is dropped."""
        self._layers.end()
        self._sampler = Sampler(self.left_out)
        self._layers.begin(step, self._sampler)
        self._parameters.begin()
        self._parameters.step = step

    def listen(self, model: nn.Module) -> Callable[[], None]:
        """Puts hooks on the layers of a root; what is returned takes them off, and is called as soon as forward is over."""
        return self._layers.listen(model)

    def backward_scale(self, scale: float) -> None:
        """The loss of this step was multiplied by so much before backward(): gradients of activations are divided by it."""
        self._layers.scale = scale

    def before_step(self, optimizer: torch.optim.Optimizer, scale: float = 1.0, name: str = "") -> None:
        """Gradients as the optimizer gets them, and the weights before.

        Args:
            scale: by what the gradients are still multiplied.
            name: what the optimizer is called in the norms; by default its class.
        """
        if self._sampler is not None:
            with unseen():
                self._sampler.backward_is_over()
                self._parameters.before_step(optimizer, name or type(optimizer).__name__, self._sampler, scale)

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """The weights after; the update is what they differ by."""
        if self._sampler is not None:
            with unseen():
                self._parameters.after_step(optimizer, self._sampler)

    def end(self, step: int) -> Norms:
        """The sampled step is over: the norms are read, and nothing of the user's is held any longer."""
        sampler, self._sampler = self._sampler, None
        if sampler is None:
            return Norms()
        try:
            with unseen():
                return self._close(step, sampler)
        except Exception as error:  # nothing that we do may stop the user's loop
            self.left_out.setdefault(f"step {step}", f"{type(error).__name__}: {error}")
            return Norms()
        finally:
            self._layers.end()
            self._parameters.begin()

    def tensor_tracks(self, counts: int = COUNTS) -> tuple[TensorTrack, ...]:
        """What was measured so far, with at most so many counts in all; histories thin out to that."""
        self._reduce()
        return self._histories.tracks(counts)

    def histories(self) -> Histories:
        """What was measured so far, as it is kept."""
        self._reduce()
        return self._histories

    def scaled(self) -> dict[str, tuple[list[float], int]]:
        """Weights that the loop multiplied by a number between steps → these numbers, and how often that was asked."""
        self._reduce()
        return self._parameters.scaled()

    def unit_tracks(self) -> tuple[Units, ...]:
        self._reduce()
        return self._layers.units.plain()

    def release(self) -> None:
        """Lets go of everything of the user's; histories stay, and go on when the models are named again."""
        self._reduce()
        self._layers.release()
        self._parameters.begin()
        self._sampler = None

    close = release

    def _close(self, step: int, sampler: Sampler) -> Norms:
        sampler.settle()
        sampler.nonfinite |= {u: sampler.nonfinite[w] for u, w in self._parameters.inherit if w in sampler.nonfinite}
        norms = Norms(*self._parameters.read_norms(sampler.nonfinite))
        scales = dict(self._parameters.scales)
        if self._layers.scale != 1:
            scales |= dict.fromkeys(self._layers.gradient_rows(), self._layers.scale)
        if sampler.elements or sampler.put_off:
            made = functools.partial(taken, step, sampler.pieces, self._parameters.updates, sampler.together, sampler.nonfinite, scales)
            self._waiting.append((sampler, made))
            self._samples += sampler.size()
            self._copied += sum([copied.elements for copied in sampler.put_off])
            if self._copied > COPIED * self._more:
                self._catch_up()
            if self._samples > TOGETHER * self._more:
                self._reduce()
        return norms

    def _reduce(self) -> None:
        """What waits goes into the histories."""
        with unseen():
            self._catch_up()
            waiting, self._waiting, self._samples = self._waiting, [], 0
            for sampler, _ in waiting:
                for row, number in sampler.elements.items():
                    self._histories.elements[row] = number
            samples = [made() for sampler, made in waiting if sampler.pieces or sampler.together]
            if not samples:
                return
            self._layers.units.read()
            for step, rows, found in reduced(samples):
                self._histories.store(step, rows, found)

    def _catch_up(self) -> None:
        """Looks at what was put off."""
        self._copied = 0
        for sampler, _ in self._waiting:
            sampler.catch_up()
