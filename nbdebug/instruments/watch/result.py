"""What a watched loop did, in plain values: the order of its calls, its curves, its tensors over the steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from nbdebug.findings import Location
from nbdebug.instruments.watch.predictions.result import Predictions
from nbdebug.instruments.watch.statistics import Statistics
from nbdebug.lines.bound import Built
from nbdebug.page import Panel
from nbdebug.unheeded import Unheeded

Fact = str | int | float | bool | None
FAR_BETTER, BY_FAR = 0.4, 0.25  # of a model's error, that a rival's is at most; and of that of the best constant prediction, that lies between them at least. Our choice:
# a linear model that was chosen on purpose and explains two thirds or more stays unaccused
TELLS_MORE = 0.1  # of the loss of the shares of the tokens, that counts of pairs are better by at least; a model of sequences that has less than half of that is behind them by far. Our choice
RIGHT, UNSURE = 0.15, 0.5  # the same error that is little; and a loss, over that of the best constant prediction, that goes with much
ALIKE = 0.01  # spread of outputs over their size, below which they are all alike; our choice: where something is learnt it is above a tenth
HALF = 0.5  # of its error (of tokens, of what a rival is better by), down to which a model must come with other steps for not being what is to blame; our choice


@dataclass(frozen=True)
class Event:
    """One thing that the loop did. Equal ones that follow each other between two updates are one, with `times`.

    | kind          | who        | facts |
    |---------------|------------|-------|
    | epoch         | loader     | an iteration over it began |
    | batch         | loader     | it delivered one |
    | mode          | model      | training: `model.train()` or `.eval()` was called |
    | forward       | model      | training, grad (gradients enabled), autocast ("" or a dtype), loader (whose batch came last), input_grad, |
    |               |            | awake (which of the modules whose mode matters are in train mode: "all", "some" or "none") |
    | loss          | function   | grad (its value has a graph), training (mode of the model that ran last), loader, reduction |
    | backward      | ""         | reached, onto (names of optimizers, joined by ", "), scaled, divided, retain, inside (an optimizer's closure), |
    |               |            | half (a forward pass before it ran in float16) |
    | zero          | name       | threw (gradients that nobody got to use were thrown away, of these optimizers), of (whose gradients it cleared), |
    |               |            | from (the backward passes whose gradients were thrown away) |
    | clip          | optimizer  | limit, by ("norm" or "value"), scaled (gradients were still multiplied by the scaler) |
    | unscale       | optimizer  | |
    | step          | optimizer  | gradients ("some", "zero" or "none"), stale (they hold what the step before used), scaled, skipped (by the scaler), |
    |               |            | closure, from (the backward passes it uses), touched (the loop wrote to them itself), by_scaler (scaler.step) |
    | scaler_update | scaler     | |
    | schedule      | scheduler  | early (the optimizer had not stepped yet) |
    | state         | model      | `state_dict()` was called |
    | load          | model      | matched, missing, unexpected (counts), aliased (it held the model's own tensors), optimizer (an optimizer's), |
    |               |            | renamed (missing ones that came under another path), first_missing, first_unexpected (names), |
    |               |            | changed (an aliased state whose weights moved since it was taken), taken (where that was) |
    """

    kind: str
    who: str
    place: Location
    facts: dict[str, Fact] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True)
class Cycle:
    """What happened from one update to the next. Updates that went alike share one."""

    events: tuple[Event, ...]
    first: int  # step
    last: int  # step
    times: int

    def of(self, *kinds: str) -> list[Event]:
        return [event for event in self.events if event.kind in kinds]


@dataclass(frozen=True)
class Loader:
    """A loader that was iterated."""

    name: str  # of the variable that holds it, or DataLoader
    length: int | None  # batches
    batch_size: int | None
    sizes: dict[str, int]  # samples in a batch → how many such batches came
    epochs: int  # iterations begun
    place: Location
    shuffled: bool | None = None  # None: not known
    samples: int | None = None  # in an iteration over it; None: not known
    mean_gap: float | None = None  # the mean of the batches' losses against that of the samples, relative; None: none evaluated


@dataclass(frozen=True)
class Model:
    """A module that was called by the loop itself, not by another module, and has parameters."""

    name: str  # of the variable that holds it, or its class
    kind: str
    parameters: int  # elements
    modes_matter: tuple[str, ...]  # modules that behave differently in train and eval mode, as "2 (Dropout)"
    dropouts: dict[str, float]  # path → p, of those that were in train mode
    forwards: int
    dtype: str  # of its first parameter
    wrapper: str = ""  # DistributedDataParallel or DataParallel
    invisible: str = ""  # why its inside cannot be seen; empty when it can
    optimizers: tuple[str, ...] = ()  # that stepped and hold some of its parameters
    held: int = 0  # elements of its trainable parameters that they hold
    first_held: int = -1  # the first of those among its parameters; -1: none
    norms: tuple[Statistics, ...] = ()  # of the batch norms that began with it
    fresh: tuple[str, ...] = ()  # batch norms that no batch has reached
    moved: bool = False  # whether a weight is another than when it was first called; asked where there are such batch norms
    copied: tuple[tuple[str, str], ...] = ()  # fresh batch norms whose part of the model follows another's weights, and that part's own


@dataclass(frozen=True)
class Group:
    """A parameter group as it was at the last step."""

    lr: float
    weight_decay: float
    eps: float | None
    momentum: float | None
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Optimizer:
    """An optimizer that stepped, or that the loop cleared or owns."""

    name: str
    kind: str
    adaptive: bool  # takes the size out of the gradient, as Adam does
    decoupled: bool  # its weight decay does not pass through the gradient, as in AdamW
    groups: tuple[Group, ...]
    steps: int
    skipped: int  # by a GradScaler
    by_hand: bool = False  # its parameters were moved by the loop itself, or by another optimizer


@dataclass(frozen=True)
class Scheduler:
    """A learning-rate scheduler of an optimizer that stepped, whether it was stepped or not."""

    name: str
    kind: str
    optimizer: str
    steps: int
    settings: dict[str, Fact]  # T_max, total_steps, step_size, gamma, milestones … as far as it has them
    place: Location = Location()  # of its step() call


@dataclass(frozen=True)
class Stray:
    """A parameter that got gradients and that no optimizer which stepped holds."""

    name: str
    model: str
    elements: int
    order: int  # among the parameters of its model
    moved: bool  # its values changed all the same: the loop updates it by hand
    replaced: bool = False  # an optimizer holds a tensor of that shape, or nearly so, that no model has and no gradient reached


@dataclass(frozen=True)
class Rescaled:
    """A weight that the loop itself multiplied by a number between one step and the next."""

    name: str
    factor: float  # the middle one
    times: int  # of the first steps that were compared
    of: int = 12  # so many


@dataclass(frozen=True)
class Retained:
    """Graphs of steps long gone that something still holds."""

    what: str  # "loss" (graphs of training steps), "output" (of one evaluation) or "graph" (one that a backward pass keeps)
    alive: int  # updates whose graphs were alive at the same time, at most; of "output" the forward passes, of "graph" its nodes
    grew: int  # updates in a row in which it grew; of "graph" the backward passes in which it did
    holder: str  # the variable that holds them, as the loop writes it; "" when unknown
    place: Location  # where most of them were built
    training: bool  # whether they are of training steps (False: of forward passes without a backward pass)
    first: int = 0  # step
    last: int = -1  # step; -1: no training step came after them
    function: str = ""  # whose variable the holder is; "" of a cell or a module
    before: int = 0  # of "graph": its nodes at the first such pass


@dataclass(frozen=True)
class Constant:
    """What a loss function would give for the best prediction that is the same for every sample, on the targets seen."""

    function: str
    loss: float
    calls: int  # of the function in training steps
    values: tuple[tuple[int, float, float], ...]  # of some calls: step, loss, and what that best prediction gets on its targets


@dataclass(frozen=True)
class Rival:
    """What a plain rival gets on samples that the training stands still on, beside the model as it was at the end."""

    task: str  # "classes", "numbers" or "tokens"; "" where the two could not be compared
    samples: int
    network: float | None  # share of wrong classes, mean squared error, or of tokens the loss, over that of the best constant prediction, on samples that it was trained on
    rival: float | None  # the same of the rival, each sample predicted from the others
    loss: float | None  # of the model on them in eval mode, over that of the best constant prediction
    is_linear: bool = False  # what the model says is a weighted sum of what it gets
    spread: float | None = None  # of the model's outputs from sample to sample, over their size or over that of the targets; None: not asked, because the loss is known
    again: float | None = None  # error of the model itself after some steps of an optimizer of ours, where the rival was far better
    paced: float | None = None  # the same after half as many steps as the training had, that are as small as its last ones were, where a schedule had brought its rate down

    @property
    def tells(self) -> bool:
        """Whether there is far more to learn in these samples than was learnt."""
        if self.network is None or self.rival is None:
            return False
        if self.task == "tokens":  # some of their loss can never go
            return self.rival <= 1 - TELLS_MORE and 1 - self.network <= HALF * (1 - self.rival)
        return self.rival <= min(FAR_BETTER * self.network, self.network - BY_FAR)

    @property
    def is_collapsed(self) -> bool:
        """Whether the model says the same of all samples."""
        return self.spread is not None and self.spread <= ALIKE

    @property
    def is_capped(self) -> bool:
        """Whether nearly all classes are right, and the loss is nearly that of a constant prediction all the same."""
        return self.task == "classes" and self.network is not None and self.loss is not None and self.network <= RIGHT and self.loss >= UNSURE

    @property
    def is_stuck(self) -> bool:
        """Whether the model could do what the training does not get it to."""
        if self.again is None or self.network is None or self.rival is None:
            return False
        return self.again <= self.network - HALF * (self.network - (self.rival if self.task == "tokens" else 0.0))

    @property
    def is_wound_down(self) -> bool:
        """Whether steps as small as a schedule had made them do not get the model there either, so that nothing else need be in the way."""
        return self.paced is not None and self.network is not None and self.paced > HALF * self.network


@dataclass(frozen=True)
class Source:
    """The text of a running cell or function, for what can only be read."""

    place: Location  # of its first line
    function: str  # its name; "" for a cell or a module
    text: str
    gradients: bool = False  # it, or a function of the user's that it names, reads `.grad`


@dataclass(frozen=True)
class Track:
    """One number over the steps; of a long run every point stands for several, with their extremes."""

    name: str
    steps: tuple[int, ...] = ()
    values: tuple[float, ...] = ()  # means
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.steps)

    def finite(self) -> list[float]:
        return [v for v in self.values if math.isfinite(v)]


@dataclass(frozen=True)
class TensorTrack:
    """One tensor of the training over the sampled steps; every field after `elements` has one entry a step.

    `counts` are of the elements looked at (`looked_at`, evenly spread): zeros, subnormals, then |x| in `bins`. NaN and
    Inf are counted over all elements, at every sampled step.
    """

    name: str  # module path or parameter path; behind "model: " when several models were watched
    what: str  # "activation", "activation gradient", "weight", "gradient" or "update"
    kind: str  # class of the module; "" for parameters
    elements: int  # at the last step
    steps: tuple[int, ...] = ()
    rms: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    nan: tuple[int, ...] = ()
    positive_inf: tuple[int, ...] = ()
    negative_inf: tuple[int, ...] = ()
    looked_at: tuple[int, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()  # (S, B)

    @property
    def nonfinite(self) -> tuple[int, ...]:
        return tuple(map(sum, zip(self.nan, self.positive_inf, self.negative_inf, strict=True)))


@dataclass(frozen=True)
class Units:
    """The units (last dimension, or channels) of a non-linearity, over all sampled steps of training."""

    name: str
    function: str  # "ReLU", "Sigmoid" …
    units: int
    dead: int  # zero (or at the end of the range) for everything seen in the last sampled steps
    saturated: int
    samples: int  # rows looked at
    first: tuple[int, ...]  # some of the dead or saturated ones
    since: int  # step at which the last of them was seen alive; -1: never
    gradient: bool  # whether any gradient passed back through it in the last sampled steps


@dataclass(frozen=True)
class Alarm:
    """What the user's own threshold or check said."""

    message: str
    first: int
    last: int
    times: int
    place: Location = Location()


@dataclass(frozen=True)
class WatchResult:
    """What was seen of a training loop."""

    steps: int  # updates; backward passes when no optimizer stepped
    every: int  # tensors were looked at every so many steps
    seconds: float  # that the loop ran
    overhead: float | None  # what watching added to the time without it, as a share, measured; None when too short to say
    cycles: tuple[Cycle, ...] = ()  # in the order of their first step; the last may be unfinished
    models: tuple[Model, ...] = ()
    optimizers: tuple[Optimizer, ...] = ()
    schedulers: tuple[Scheduler, ...] = ()
    loaders: tuple[Loader, ...] = ()
    strays: tuple[Stray, ...] = ()
    rescaled: tuple[Rescaled, ...] = ()
    aliases: tuple[str, ...] = ()  # variables called an average of the weights that hold the very weights
    retained: tuple[Retained, ...] = ()
    constants: tuple[Constant, ...] = ()
    unheeded: tuple[Unheeded, ...] = ()  # attributes that were meant to freeze or to thaw, as they stand at the end
    sources: tuple[Source, ...] = ()
    built: tuple[Built, ...] = ()  # where its parts were, as far as only one line can be meant
    tracks: dict[str, Track] = field(default_factory=dict)  # "loss", "validation loss", "gradient norm", "learning rate" …
    tensors: tuple[TensorTrack, ...] = ()
    units: tuple[Units, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    predictions: Predictions | None = None  # on a fixed batch, when that was asked for
    rival: Rival | None = None  # asked when the loop is over, where its loss stands high and still
    limits: tuple[str, ...] = ()  # what could not be seen, in sentences
    looked: int | None = None  # updates at which tensors were looked at; None: not known
    heard: int | None = None  # updates of which every call was listened to in full; the others went as these

    def events(self, *kinds: str) -> Iterator[tuple[Cycle, Event]]:
        """All events of these kinds, with the cycle each belongs to."""
        for cycle in self.cycles:
            for event in cycle.of(*kinds):
                yield cycle, event

    def built_at(self, name: str, *arguments: str) -> Location | None:
        """The line that built what a variable holds; that of the first of these arguments that the call has, of any."""
        built = next((b for b in self.built if b.name == name), None)
        if built is None:
            return None
        return next((built.arguments[argument] for argument in arguments if argument in built.arguments), built.place)

    def tensors_of(self, what: str) -> list[TensorTrack]:
        return [t for t in self.tensors if t.what == what]

    def panels(self) -> tuple[Panel, ...]:
        from nbdebug.instruments.watch.panels import panels_of

        return panels_of(self)
