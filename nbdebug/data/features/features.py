"""How the features lie: distributions, missing values, outliers, copies, and those that give the target away."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy

from nbdebug.counterfactual import Counterfactual
from nbdebug.data.chunk import Rows
from nbdebug.data.context import Context, Flag, both
from nbdebug.data.features.alike import Correlations, Pair, correlations, pairs
from nbdebug.data.features.broken import Broken, broken
from nbdebug.data.features.categories import CategoryLook, categories
from nbdebug.data.features.columns import ColumnLook, columns
from nbdebug.data.features.compared import compared
from nbdebug.data.features.cut_off import CutOff, cut_off
from nbdebug.data.features.entries import Entries, entries
from nbdebug.data.features.giants import Giants, giants
from nbdebug.data.features.hidden import Hidden, hidden, squeezed_target
from nbdebug.data.features.leaks import Leak, leaks
from nbdebug.data.features.markers import markers
from nbdebug.data.features.matrix import Goal, Matrix, goal, matrix, why_no_goal
from nbdebug.data.features.panels import HISTOGRAMS, distribution, panels
from nbdebug.data.features.power import Powers, powers, rows_with_target, what_lacks
from nbdebug.data.features.target_scale import TargetScale, target_scale
from nbdebug.data.features.transforms import Transform, transforms
from nbdebug.data.features.two_units import TwoUnits, two_units
from nbdebug.data.features.wrapped import WrappedColumn, wrapped_columns
from nbdebug.data.features.written import Written, headers, renamed, written
from nbdebug.data.split import Split
from nbdebug.errors import NbdebugError, first_line
from nbdebug.page import Histogram, Panel

PERMUTATIONS, BRIEFLY = 40, 5  # of the targets, in a whole audit and within a checkup
BRIEF_ROWS = 512  # within a checkup
SCALED = ("tabular", "image", "series")
SEARCH = 0.5  # seconds for a broken sample that was not among the sampled ones
PATIENCE = 0.5  # seconds that must be left for what is not cheap


@dataclass(frozen=True)
class FeatureLook:
    """How the features lie: distributions, missing values, outliers, copies, and those that give the target away."""

    split: str  # name of the loader that was looked at
    alone: bool  # without a model
    frame: bool  # a table's rows
    samples: int
    rows: int  # sampled
    columns: int  # of numbers, in all
    inputs: tuple[str, ...]  # fields that go through the first layer as they are: no tokens, no categories
    looks: tuple[ColumnLook, ...]  # the most remarkable of them
    categories: tuple[CategoryLook, ...]
    entries: tuple[Entries, ...]
    pairs: tuple[Pair, ...]
    correlations: Correlations | None
    transforms: tuple[Transform, ...]
    powers: Powers | None  # None: there is no target that can be predicted, or too few rows
    leaks: tuple[Leak, ...]  # beyond doubt
    strong: tuple[Leak, ...]  # that predict almost perfectly, which may be as it should be
    broken: tuple[Broken, ...]  # of all loaders
    scale: TargetScale | None
    distributions: tuple[Histogram, ...]
    unpredicted: str = ""  # why nothing was tried that could give the target away
    untried: str = ""  # what the step raised that was to show the scale of the targets
    written: tuple[Written, ...] = ()
    headers: tuple[int, ...] = ()  # sampled rows that hold the names of the columns
    renamed: tuple[str, ...] = ()  # columns of a table that has the name twice, as they are told apart here
    hidden: tuple[Hidden, ...] = ()  # columns that hide what they know of the target
    wrapped: tuple[WrappedColumn, ...] = ()
    two_units: tuple[TwoUnits, ...] = ()  # columns of which some rows are in another unit
    giants: tuple[Giants, ...] = ()  # samples or values beside which all others look alike
    cut_off: tuple[CutOff, ...] = ()  # inputs most of whose columns end at a limit
    tail: Hidden | None = None  # the target, where a long tail hides it from a squared loss

    def panels(self) -> tuple[Panel, ...]:
        """Columns, what each knows of the target, histograms, transforms, correlation."""
        return tuple(panels(self))

    def flagged(self) -> tuple[Flag, ...]:
        """Samples with broken numbers, or with stand-ins for them."""
        flags = [Flag(b.split, b.ids, f"{b.field} is not finite") for b in self.broken if b.ids and not (b.frame or b.meant)]
        flags += [Flag(self.split, c.sentinel.ids, f"{c.name} is {c.sentinel.value:g}") for c in self.looks if c.sentinel is not None and c.sentinel.certain]
        return tuple(flags)


def features(train: Split, val: Split | None, context: Context) -> FeatureLook:
    """How the features lie: distributions, missing values, outliers, copies, and those that give the target away."""
    whole = context.whole and context.left > PATIENCE
    table, wanted = matrix(train, with_labels=context.setup is None), goal(train)
    count, looks = columns(train, whole=whole)
    whole = whole and context.left > PATIENCE
    known, found, unpredicted = _predicted(train, table, wanted, whole)
    scale, untried = _scale(train, context)
    return FeatureLook(
        train.name, context.setup is None, isinstance(train.first, Rows), train.samples, len(train.ids), count,
        tuple(f.name for f in train.fields if f.role == "input" and f.kind in SCALED), looks, categories(train), entries(train),
        pairs(table) if whole else (), correlations(table) if whole else None, transforms(table, looks) if whole else (), known,
        tuple(leak for leak in found if leak.certain), tuple(leak for leak in found if not leak.certain),
        tuple(look for split in both(train, val) for look in broken(split, SEARCH if whole else 0.0)), scale,
        _drawn(table, wanted, known, looks) if whole else (), unpredicted, untried,
        written(train), headers(train), renamed(train), *_experiments(train, table, wanted, looks), giants(train, wanted), cut_off(train), _tail(train, table, wanted, context),
    )  # fmt: skip


def _experiments(
    train: Split, table: Matrix, wanted: Goal | None, looks: tuple[ColumnLook, ...]
) -> tuple[tuple[Hidden, ...], tuple[WrappedColumn, ...], tuple[TwoUnits, ...]]:
    if wanted is None or not table.width:
        return (), (), ()
    rows = rows_with_target(wanted)
    return hidden(table, wanted, rows, looks, train.ids), wrapped_columns(table, wanted, rows), two_units(table, wanted, rows, train.ids)


def _tail(train: Split, table: Matrix, wanted: Goal | None, context: Context) -> Hidden | None:
    """Only where the loss is known to square the errors of these targets as they are."""
    found = squeezed_target(table, wanted, rows_with_target(wanted)) if wanted is not None and table.width else None
    if found is None or context.setup is None:
        return None
    with contextlib.suppress(Exception):  # the user's own code
        asked = compared(context.setup, Counterfactual(context.setup, train.first), train, wanted.field)
        return found if asked is not None and asked.by_call and asked.loss == "mse_loss" else None
    return None


def _predicted(train: Split, table: Matrix, wanted: Goal | None, whole: bool) -> tuple[Powers | None, tuple[Leak, ...], str]:
    """What the columns know of the target, those that give it away, and why neither columns nor marks were tried."""
    if wanted is None:
        return None, (), why_no_goal(train)
    rows = rows_with_target(wanted) if whole else rows_with_target(wanted, BRIEF_ROWS)
    if lacking := what_lacks(wanted, rows):
        return None, (), lacking
    marks, unmarked = markers(train, wanted, rows)
    if not table.width:
        return None, marks, unmarked
    known, chosen, measured = powers(table, wanted, rows, permutations=PERMUTATIONS if whole else BRIEFLY)
    return known, (*leaks(table, wanted, rows, chosen, measured), *marks) if table.width > 1 else marks, ""


def _scale(train: Split, context: Context) -> tuple[TargetScale | None, str]:
    """And what the step raised, which is the user's own code."""
    if context.setup is None:
        return None, ""
    try:
        return target_scale(context.setup, train), ""
    except NbdebugError as error:
        return None, str(error)
    except Exception as error:
        return None, f"{type(error).__name__}: {first_line(error)}"


def _drawn(table: Matrix, wanted: Goal | None, known: Powers | None, looks: tuple[ColumnLook, ...]) -> tuple[Histogram, ...]:
    """The strongest columns, or else the most remarkable ones."""
    named = [(p.field, p.column) for p in known.best] if known is not None else [(c.field, c.name) for c in looks if c.remarks]
    at = {(field, name): i for i, (field, name) in enumerate(zip(table.fields, table.names, strict=True))}
    places = [at[key] for key in dict.fromkeys(named) if key in at] or list(range(min(table.width, HISTOGRAMS)))
    drawn = (distribution(table, place, wanted) for place in numpy.array(places, dtype=int)[: 2 * HISTOGRAMS])
    return tuple(histogram for histogram in drawn if histogram is not None)[:HISTOGRAMS]
