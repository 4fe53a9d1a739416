"""What the first step showed, in plain values, and how it is laid out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nbdebug.crash import Crash
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import (
    Clipped,
    Column,
    Contained,
    Deaf,
    Doubled,
    Future,
    Heavy,
    Kept,
    Misfit,
    Noise,
    OnlyPadding,
    Orderless,
    Pull,
    Ragged,
    Repeated,
    Single,
    Skipped,
    Stack,
    Summed,
    Twice,
    Unheard,
    Unloaded,
    Unordered,
    Untied,
)
from nbdebug.loss_call import LossCall
from nbdebug.page import Note, Panel, Table
from nbdebug.unheeded import Unheeded


@dataclass(frozen=True)
class ParameterRow:
    """One parameter of the model after one backward pass."""

    name: str
    shape: tuple[int, ...]
    trainable: bool
    used: bool  # took part in the forward pass
    order: int  # position of its first use; -1 when never used
    outside: bool  # used only outside of the model's own call, as the critic of a generator is
    gradient: float | None  # RMS in loss units per weight, unscaled; None when no gradient arrived
    optimizer: int | None  # which of the optimizers owns it
    cut: int | None  # index in `cuts` of what keeps the gradient away
    mentioned: bool  # whether a method other than __init__ speaks of the layer it belongs to
    lost: bool = False  # the loss moves with it, and no gradient says so
    discarded: bool = False  # its layer runs, and nothing comes of it
    chosen: bool = False  # left out here, and used by a step on another batch


@dataclass(frozen=True)
class Cut:
    """A call whose inputs wanted gradients and whose output does not, or that makes zeros of them."""

    operator: str
    grad_enabled: bool
    location: Location
    flat: bool = False  # it has a graph, and a slope of zero
    as_target: bool = False  # what it makes meets the gradient's way only in the loss, as a teacher's answer does


@dataclass(frozen=True)
class Hidden:
    """A trained-looking tensor that `model.parameters()` does not know."""

    attribute: str  # where it hides: "blocks[0].weight" on module `module`; "" when no attribute holds it
    module: str
    shape: tuple[int, ...]
    optimised: bool
    location: Location = Location()  # of its use, when no attribute holds it


@dataclass(frozen=True)
class Dependence:
    """What each output depends on, by perturbing inputs. All None when it could not be tried."""

    not_checked: str = ""  # why mixing could not be judged
    samples: int = 0  # how many samples were used
    leak: float | None = None  # largest change in other samples' outputs over the change in the own; 0 is clean
    operator: str = ""  # where the mixing begins
    location: Location = Location()
    ignored: bool = False  # no output changes when every input is exchanged, whatever the weights
    ignored_at: Location = Location()
    unused_inputs: tuple[str, ...] = ()  # inputs that no operator ever reads


@dataclass(frozen=True)
class SoftmaxUse:
    """A softmax that normalises one dimension while the next step sums over another."""

    dim: int
    summed_dim: int
    shape: tuple[int, ...]
    location: Location


@dataclass(frozen=True)
class Broadcast:
    """Predictions and targets that met as (N, 1) and (N,), or in another shape that is stretched silently."""

    operator: str
    left: tuple[int, ...]
    right: tuple[int, ...]
    result: tuple[int, ...]
    location: Location


@dataclass(frozen=True)
class StatisticsGap:
    """A batch-norm whose running statistics do not describe the data it sees."""

    module: str
    tracked: int  # batches that made the statistics
    shift: float  # |running mean - batch mean| in batch standard deviations, of the middle channel
    ratio: float  # factor between running and batch variance, of the middle channel


@dataclass(frozen=True)
class Modes:
    """The same batch in train and in eval mode."""

    not_checked: str = ""
    train_loss: float | None = None
    eval_loss: float | None = None
    random_at: Location | None = None  # a dropout that still acts in eval mode
    random_by: str = ""
    statistics: tuple[StatisticsGap, ...] = ()


@dataclass(frozen=True)
class FirstStep:
    """One guarded training step and what was learnt by repeating it with one thing changed."""

    batch: str  # the structure of the batch
    crash: Crash | None = None
    loss: float | None = None  # of the first batch, in its own units
    born_at: Location | None = None  # where the first NaN or Inf on the way to it comes from
    loss_wants_gradient: bool = True
    skipped: tuple[Skipped, ...] = ()
    integer_targets: bool = False  # the last tensor of the batch came as integers
    order: str = ""  # of a regression on whole numbers: "grades" whose order the inputs follow, "names" that have none
    losses: tuple[LossCall, ...] = ()
    loss_name: str = ""  # what the user calls it: "loss_fn (NLLLoss)"
    misfits: tuple[Misfit, ...] = ()
    loss_of_small_weights: float | None = None  # the loss with all weights a hundredth as large; measured when it starts high
    heavy: Heavy | None = None  # looked for when it starts high
    parameters: tuple[ParameterRow, ...] = ()
    unheeded: tuple[Unheeded, ...] = ()  # attributes that were meant to freeze or to thaw
    misnamed: tuple[str, ...] = ()  # words by which the text picks parameters, and that none has in its name; asked for where some are left out
    misnamed_at: Location = Location()
    foreign: int = 0  # parameters in the optimizers that the model does not have
    optimizers: int = 0
    optimizer_built: Location = Location()  # the line that builds the first optimizer, where only one can be meant
    cuts: tuple[Cut, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    broadcasts: tuple[Broadcast, ...] = ()
    softmaxes: tuple[SoftmaxUse, ...] = ()
    dependence: Dependence = Dependence(not_checked="not reached")
    singles: tuple[Single, ...] = ()
    deaf: Deaf | None = None
    only_padding: OnlyPadding | None = None
    unheard: tuple[Unheard, ...] = ()
    doubled: tuple[Doubled, ...] = ()
    columns: tuple[Column, ...] = ()
    orderless: Orderless | None = None
    unordered: Unordered | None = None  # asked where there is no name of positions
    contained: Contained | None = None
    ragged: Ragged | None = None
    clipped: tuple[Clipped, ...] = ()
    modes: Modes = Modes(not_checked="not reached")
    repeated: tuple[Repeated, ...] = ()
    untied: tuple[Untied, ...] = ()
    kept: tuple[Kept, ...] = ()
    unloaded: tuple[Unloaded, ...] = ()
    stacks: tuple[Stack, ...] = ()
    pulls: tuple[Pull, ...] = ()
    summed: Summed | None = None
    twice: tuple[Twice, ...] = ()
    noise: tuple[Noise, ...] = ()
    future: Future = Future(not_checked="not reached")

    def panels(self) -> tuple[Panel, ...]:
        """The step in a few lines, the loss calls, the table parameter × gradient × optimizer."""
        panels: list[Panel] = [Note("the step", "\n".join(self._sentences()))]
        if self.crash:
            panels.extend(self.crash.panels())
        if self.losses:
            panels.append(_loss_table(self.losses))
        if self.parameters:
            panels.append(_parameter_table(self.parameters))
        return tuple(panels)

    def _sentences(self) -> list[str]:
        lines = [f"batch: {self.batch}"]
        if self.crash:
            return [*lines, f"the step raised in {self.crash.phase or 'your own code'}: {self.crash.error}: {self.crash.message}"]
        chance = next((call.chance for call in self.losses if call.chance is not None), None)
        if self.loss is not None:
            beside = f", a prediction that knows nothing gives {chance:.4g}" if chance is not None else ""
            lines.append(f"loss of the first batch: {self.loss:.4g}{beside}")
        if self.modes.eval_loss is not None and self.modes.train_loss is not None:
            lines.append(f"the same batch in train mode: {self.modes.train_loss:.4g}, in eval mode: {self.modes.eval_loss:.4g}")
        if self.dependence.leak is not None:
            word = "does not depend" if self.dependence.leak == 0 else "DEPENDS"
            lines.append(f"output of one sample {word} on the other samples (tried on {self.dependence.samples})")
        return lines


def in_loss(step: FirstStep, place: Location) -> Location:
    """A place in the loss, with what the user calls it; one inside of the model stays as it is."""
    return replace(place, detail=step.loss_name) if step.loss_name and not place.module and not place.detail else place


def _loss_table(losses: tuple[LossCall, ...]) -> Table:
    rows = tuple(
        (c.name, str(c.prediction_shape), str(c.target_shape), c.value, c.chance, c.made_by, str(c.location)) for c in losses
    )
    return Table("loss calls", ("loss", "predictions", "targets", "value", "chance", "made by", "where"), rows)


def _parameter_table(parameters: tuple[ParameterRow, ...]) -> Table:
    rows = tuple(
        (p.name, str(p.shape), p.trainable, p.used, p.gradient, "none" if p.optimizer is None else p.optimizer)
        for p in parameters
    )
    columns = ("parameter", "shape", "trainable", "used", "gradient RMS", "optimizer")
    return Table("parameter × gradient × optimizer", columns, rows)
