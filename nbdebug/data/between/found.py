"""What was found between two splits, in plain values."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.lines.sorted_rows import SortedRows

PAIRS = 24  # pairs that are kept of an overlap


@dataclass(frozen=True)
class Pair:
    """A sample of train and the sample of val that is the same."""

    train: int  # ids, as in Split.ids
    val: int
    likeness: float  # 1.0: the same values; correlation, or share of shingles, where they only nearly are


@dataclass(frozen=True)
class Overlap:
    """Samples of val that are in train as well."""

    how: str  # "exact": the same values; "near": nearly; "index": the same samples of the dataset under both; "windows": the same steps; "groups": near copies of one another
    count: int  # of val
    compared: int  # samples of val that were looked for
    samples: int  # all of val that was read
    expected: float  # count that samples which repeat by chance would give
    significant: bool  # more than chance gives
    estimated: bool  # from a part of the samples
    other_label: int | None  # of `count`, those with another label in train; None: not known
    pairs: tuple[Pair, ...]  # the first
    measure: str = ""  # what `likeness` is
    same: str = ""  # "loader" or "dataset": both splits are one and the same object

    @property
    def share(self) -> float:
        """Of the compared samples of val."""
        return self.count / max(1, self.compared)


@dataclass(frozen=True)
class Repeats:
    """Samples of train that it holds more than once."""

    count: int  # samples that have a copy
    compared: int
    other_label: int | None  # of them, those whose copies have another label
    coincidence: bool  # so few different values that samples repeat by chance
    ids: tuple[int, ...]  # the first
    worth_telling: bool  # they are no coincidence, at least by what differs among the rows once each is counted once


@dataclass(frozen=True)
class SharedGroup:
    """Groups, such as patients, whose rows lie on both sides."""

    column: str
    shared: int  # groups on both sides
    of: int  # groups of val
    rows: int  # of val, that belong to them
    first: tuple[str, ...]


@dataclass(frozen=True)
class Preparation:
    """One rule that makes of train's values those of val: the content is the same, the units are not."""

    field: str
    places: tuple[str, ...]  # columns or channels it holds for; empty: the whole field
    rule: str  # "val is train / 255", as said in a sentence
    before: float | None  # largest KS distance (or total variation) without the rule; None where nothing had to be measured
    after: float | None  # with it
    bound: float | None  # what two halves of train may differ by
    sure: bool  # False: it may be meant so


@dataclass(frozen=True)
class Drift:
    """How far the distribution of one column differs between train and val."""

    field: str
    column: str
    distance: float  # Kolmogorov-Smirnov, 0..1; total variation of categories
    null: float  # what random parts of train of this size reach in one of 1000 cases
    by_order: float  # what one end of train differs by from the rest, as its rows lie
    shift: float | None  # difference of means in standard deviations of train; None for categories
    edges: tuple[float, ...] = ()  # of the histograms; only of the columns that drift most
    train_counts: tuple[int, ...] = ()
    val_counts: tuple[int, ...] = ()
    why_legal: str = ""  # a reason that makes it less than an alarm
    sorted_by: SortedRows | None = None  # what the text sorts the rows by, before they are cut

    @property
    def effect(self) -> float:
        """What of the distance is left beyond chance."""
        return max(0.0, self.distance - self.null)


@dataclass(frozen=True)
class Embedding:
    """How far the whole samples differ: multi-kernel MMD, and how well it tells the splits apart."""

    field: str
    what: str  # "standardised rows", "8 x 8 thumbnails", "frequencies of tokens"
    mmd: float  # unbiased estimate of the squared distance
    sigmas: float  # beyond the mean of random relabellings, in their standard deviations
    auc: float  # how often the witness function puts a sample of val above one of train: 0.5 knows nothing
    null_auc: float  # what random relabellings reach in one of 100 cases
    by_order: float  # AUC between one end of train and the rest
    rows: int  # compared, of both
    why_legal: str = ""


@dataclass(frozen=True)
class ClassShift:
    """Class shares of train beside those of val."""

    field: str
    variation: float  # total variation: half the sum of absolute differences, 0..1
    null: float  # what a random split reaches in one of 1000 cases
    names: tuple[str, ...]  # of the classes that differ most
    train: tuple[float, ...]  # shares
    val: tuple[float, ...]
    absent: tuple[str, ...]  # classes of val that train does not have
    absent_share: float  # of val
    why_legal: str = ""
