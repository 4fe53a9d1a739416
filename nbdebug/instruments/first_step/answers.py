"""What was asked of the step besides: what it is made of, which way its loss pulls, whether it sees the future. In plain values."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.crash import Crash
from nbdebug.findings import Location


@dataclass(frozen=True)
class Repeated:
    """A layer with weights that is registered under several names, and called under them in one forward pass."""

    owner: str  # dotted path of the module that holds it
    names: tuple[str, ...]  # under which that module holds it
    kind: str  # its class
    tensors: int  # parameters in it
    chained: bool  # what it gives is given to it again; otherwise it gets the very same input again
    named: bool  # it has a name of its own beside the container, or its places are no series
    location: Location


@dataclass(frozen=True)
class Untied:
    """Two parameters that were meant to be one."""

    first: str
    second: str  # the one that was meant to be the first
    shape: tuple[int, ...]
    how: str  # assigned, copied, configured, memory (shared without the parameter), not called
    said: str  # the text, or the configuration, that says so
    location: Location


@dataclass(frozen=True)
class Unloaded:
    """A part that a state was loaded into, and that still is as torch fills it."""

    path: str
    layers: int
    said: str  # the call that loads
    location: Location


@dataclass(frozen=True)
class Stack:
    """Affine layers of which the last one alone could do the same."""

    layers: tuple[str, ...]  # dotted paths, in order
    widths: tuple[int, ...]  # features (channels) before the first, between, and after the last
    whole: bool  # from the model's input to its output there is nothing else
    series: bool  # they stand in a row: fc1 and fc2, 0 and 2 of one container; or the first is called a hidden layer
    siblings: bool  # one module holds them all
    widened: bool  # linear layers whose middle is at least twice as wide as both ends, as of a feed-forward block
    together: int  # most of them that stand in one place; blocks.0.fc and blocks.1.fc do
    meant: bool  # the model calls itself linear or has no bias anywhere, or one of two layers is called a projection
    location: Location  # of the first, or of what was dropped
    dropped: str = ""  # the non-linearity that is called between them, and whose result nobody takes

    @property
    def sure(self) -> bool:
        """Whether an activation is missing, and this is not where two modules meet: a projection, and a head."""
        several = len(self.layers) > 2 and (self.whole or self.together > 2)
        return self.series or (self.widened and self.siblings) or several or bool(self.dropped)


@dataclass(frozen=True)
class Future:
    """What the outputs at early positions owe to the inputs at late ones."""

    not_checked: str = ""
    shift: int | None = None  # the target at position t is the input at t + shift
    compared: int = 0  # targets that this rests on
    position: int = 0  # the first that was exchanged
    context: bool = False  # whether later outputs move with earlier inputs, as those of a sequence model do
    own: bool = False  # whether an output moves with the input of its very position; a model that shifts by itself has none that do
    padded: bool = False  # whether the targets of the first position are one constant, put there on purpose
    leak: float | None = None  # largest move of an earlier output over the largest of a later one; 0 is causal
    moved: int = 0  # earlier positions whose output moves
    earlier: int = 0  # of how many
    operator: str = ""  # where it begins
    location: Location = Location()
    masked: bool = False  # whether that is the line of a mask that hides too little
    loss_at: Location = Location()


@dataclass(frozen=True)
class Pull:
    """Where the loss falls when the model gets worse, or one of its calls has its arguments exchanged."""

    name: str  # the loss function, or what the loss is made of
    kind: str  # "negated", "raised", "discouraged", "swapped", "endless", or "mirrored" of a quantile loss
    value: float  # of the loss
    slope: float  # d loss / d call; share of outputs that are pulled away from their targets; 0 for swapped arguments
    maximized: bool  # an optimizer goes uphill
    location: Location


@dataclass(frozen=True)
class Summed:
    """The same batch trained on for a few steps with the loss as it is, and with its mean. Losses are those of the mean."""

    samples: int
    terms: int  # that are added up; more than the samples where it is a sum over pixels, columns or tokens as well
    steps: int
    rate: float
    first: float
    with_sum: float  # NaN when it is not finite
    with_mean: float
    location: Location


@dataclass(frozen=True)
class Misfit:
    """A loss call that got what the loss does not take."""

    code: str  # ND402: its input; ND404: its targets
    said: str
    location: Location
    evidence: dict[str, float | int | str | bool | None]
    advice: str


@dataclass(frozen=True)
class Deaf:
    """Outputs that hear one position of their sequences alone."""

    position: int
    length: int
    mixed_by: str  # the last module whose states hear more
    text: str  # the line where the others are dropped
    location: Location  # of that line
    restarts: bool = False  # that module is a cell, which begins anew at every position


@dataclass(frozen=True)
class OnlyPadding:
    """A model, or its first attention, that hears nothing of its sequences but what fills them up."""

    mask: str  # the input that tells which is which, as forward calls it; "" where it is worked out inside
    by: str  # "" for the outputs, else the operator that attends
    samples: int
    location: Location


@dataclass(frozen=True)
class Unheard:
    """One of several inputs that operators read, and that moves no output."""

    name: str  # as forward calls it
    samples: int  # that were exchanged
    location: Location  # of the operation that loses it


@dataclass(frozen=True)
class Doubled:
    """An input that nothing reads, where another of its shape is taken twice."""

    name: str  # of the one that is not read: as forward calls it, or its place in the batch
    module: str  # that gets the other one twice; "" where the model itself does
    location: Location
    arguments: tuple[str, ...] = ()  # of the model, that are one tensor
    idle: str = ""  # a part of the model that is never called, where that input has a shape of its own
    beside: str = ""  # another module of its class that gets it as well
    calls: int = 0  # of the model itself, that get one tensor


@dataclass(frozen=True)
class Unordered:
    """Attention that is blind to an order on which the targets hang."""

    entries: int  # of a sequence, or patches of a picture
    picture: bool
    samples: int  # that were asked
    in_order: float  # share of the targets' variance that the entries tell in their order
    without: float  # and without it
    location: Location  # of the attention


@dataclass(frozen=True)
class Column:
    """A column that nothing hears, while two tables of vectors are looked up by another."""

    name: str  # of the input, as forward calls it
    column: int
    taken: int  # the column that is looked up twice
    tables: tuple[str, str]  # the second is the one that fits this column
    location: Location  # of its look-up


@dataclass(frozen=True)
class Orderless:
    """Sequences that may as well be read backwards, in a model that has positions."""

    name: str  # of the parameter or buffer that holds the positions
    length: int
    read: bool  # whether the step reads it
    location: Location


@dataclass(frozen=True)
class Single:
    """An operation over a dimension of one."""

    operator: str
    shape: tuple[int, ...]
    other: int | None  # of a softmax the dimension whose entries should compete
    location: Location


@dataclass(frozen=True)
class Ragged:
    """A step that runs on a batch of one size and raises on another."""

    which: str  # batches have that size: "the last batch of train_loader"
    size: int
    runs: int  # the size it runs on
    crash: Crash


@dataclass(frozen=True)
class Contained:
    """Targets that stand in the inputs, each at one place."""

    shape: tuple[int, ...]  # of the input
    place: tuple[int, ...]  # within a sample, of the first target
    targets: int  # a sample
    compared: int
    location: Location  # of the loss call


@dataclass(frozen=True)
class Clipped:
    """Units of a ReLU whose input is never positive, whatever the weights."""

    function: str
    count: int
    units: int
    first: tuple[int, ...]  # of them
    trials: int  # other weights that were tried
    location: Location


@dataclass(frozen=True)
class Kept:
    """Dropout whose rate is called what is kept."""

    path: str  # of the layer
    p: float
    layers: int
    said: str  # the call that makes it
    location: Location


@dataclass(frozen=True)
class Noise:
    """Noise that is added to the inputs; standard deviations."""

    width: float
    inputs: float
    place: Location


@dataclass(frozen=True)
class Twice:
    """An activation, and the same kind of activation applied to what it gave."""

    name: str  # of the first: softmax or sigmoid
    again: str  # the function that applies it once more, perhaps inside a distribution
    low: float  # of the values between the two
    high: float
    location: Location  # of the first
    again_at: Location


@dataclass(frozen=True)
class Heavy:
    """A parameter without whose size the loss would start near chance."""

    parameter: str
    factor: float  # by which it was multiplied; of an operation by which it multiplies
    before: float  # the loss, all of it
    after: float
    more: int = 0  # others that were made smaller with it, as far as what torch gives such a layer
    location: Location = Location()  # of an operation that scales the predictions, which is no parameter


@dataclass(frozen=True)
class Skipped:
    """Layers of a list that no step calls, while all the others run."""

    owner: str  # path of the list
    names: tuple[str, ...]  # of those left out, within it
    called: tuple[str, ...]  # of those that run
    chained: bool  # one after another; else all of the same input
