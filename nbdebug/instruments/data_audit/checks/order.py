"""Does the training order mix the labels?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.classes import ClassLook
from nbdebug.data.classes.order import Order
from nbdebug.data.classes.quantities import Quantity
from nbdebug.data.structure.look import LengthLook
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location, Severity
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.checks.judging import alone_with, is_blocked
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook, LoaderLook

BATCHES, SORTED = 4, 0.95  # of an epoch, and rank correlation of target and order from which a quantity counts as sorted; our choice


@data_audit.check(
    "ND108", "order unshuffled", severity=WARNING, advice="DataLoader(..., shuffle=True), or shuffle the file or stream"
)
def order_unshuffled(look: DataLook) -> Iterator[Seen]:
    """Training order sorted by label, or never shuffled.

    Wrong: batches of few classes pull the weights to and fro, and batch-norm sees other statistics in each of them.
    Seen: how often two samples of one batch share a label, beside the exact mean and deviation over all orders of these
        labels; at least 5 deviations and 0.3 of the way to a sorted order warn. So do quantities that rise or fall with the order of
        delivery (rank correlation from 0.95 on), four batches and more (of a loader of your own class, where two passes begin alike and the inputs are no series), and sequences that grow longer or shorter so in every epoch. A loader in order whose labels are
        mixed, and whose samples are not made up anew as they are read, or a sampler of your own that is drawn anew each epoch, is worth knowing, unless it brings all of one label before the next. One batch an epoch is sound. Without a model only a
        DataLoader that does not shuffle is judged: a table or a dataset has no order of training. Alone it may be meant for
        evaluation, so that only one beside which val= is given warns.
    Where: the loader and its sampler.
    Try: shuffle=True; for an iterable dataset, shuffle the files and keep a shuffle buffer.
    Bad:
        order = targets.argsort()
        train_loader = DataLoader(TensorDataset(inputs[order], targets[order]), batch_size=32)
    Good:
        order = targets.argsort()
        train_loader = DataLoader(TensorDataset(inputs[order], targets[order]), batch_size=32, shuffle=True)
    Source: Bengio, Practical recommendations for gradient-based training (2012), section 3.1; thresholds our choice.
    """
    train = look.train
    if (alone := alone_with(look)) is not None:
        yield from _of_a_loader(train, alone, trains=len(look.loaders) > 1)
        return
    if train.whole and train.batches == 1:
        return
    orders = [(field, labels.order) for field, labels in look.labels() if labels.order is not None]
    if train.batches == 1:
        raise NotChecked("a single batch was read")
    if not orders and train.sampler == "unknown" and not train.repeats:
        raise NotChecked("the loader does not show its order, and there is no label of every sample to tell it by")
    blocked = [(field, order) for field, order in orders if is_blocked(order)]
    for field, order in blocked:
        yield _blocked(train, field.name, order)
    risen = None if orders or not (train.sampler == "sequential" or train.repeats) else _risen(look)
    longer = _by_length(look) if not blocked and risen is None and (train.sampler == "sequential" or (train.sampler == "own" and train.repeats)) else None
    if risen is not None:
        yield _sorted(train, risen)
    elif longer is not None:
        yield _lengthening(train, longer)
    elif not blocked and train.sampler == "sequential" and not train.anew:
        mixed = "their labels are mixed, though" if orders else "for a time series that may be meant"
        yield Seen(
            f"every epoch brings the same batches in the same order; {mixed}",
            Location(detail=f"train_loader, {train.sampler_name}"), severity=INFO,
        )  # fmt: skip


def _of_a_loader(train: LoaderLook, found: ClassLook, *, trains: bool) -> Iterator[Seen]:
    """Without a model: it may be any loader, so that only one which is sorted by label, and always will be, is named.

    Args:
        trains: a loader for validation stands beside it.
    """
    if not found.ordered or train.sampler == "unknown":
        raise NotChecked("the data came without a DataLoader that says in which order training gets it")
    if train.whole and train.batches == 1:
        return
    order = found.balances[0].order if found.balances else None
    if order is None:
        raise NotChecked("there is no class of every sample to tell its order by")
    if train.sampler == "sequential" and is_blocked(order):
        yield _blocked(train, found.balances[0].field, order, severity=None if trains else INFO)


def _blocked(loader: LoaderLook, field: str, order: Order, *, severity: Severity | None = None) -> Seen:
    message = (
        f"two samples of a batch share their label in {order.delivered:.0%} of cases; in random order it would be "
        f"{order.random:.0%}, sorted by label {order.sorted:.0%} (z = {order.z:.0f})"
    )
    evidence = {"delivered": order.delivered, "random": order.random, "sorted": order.sorted, "z": order.z}
    location = Location(detail=f"{loader.name}, {loader.sampler_name}, {field}")
    return Seen(message, location, evidence, severity=INFO if loader.sampler == "own" and not loader.repeats and not order.one_by_one else severity)


def _risen(look: DataLook) -> Quantity | None:
    """The target, where it is a quantity in whose order the samples come."""
    known = look.classes.quantities[:1] if look.classes is not None and look.train.batches >= BATCHES else ()
    hidden = look.train.sampler == "unknown"  # of a loader of one's own, series may be read one after the other on purpose
    return next((one for one in known if abs(one.in_order) >= SORTED and not (hidden and one.series)), None)


def _by_length(look: DataLook) -> LengthLook | None:
    """The input, where it is sequences in whose length's order the samples come."""
    known = look.structure.lengths if look.structure is not None and look.train.batches >= BATCHES else ()
    inputs = [field.name for field in look.train.fields if field.role == "input"]
    return next((one for one in known if one.split == look.train.name and one.field in inputs and abs(one.in_order) >= SORTED), None)


def _lengthening(loader: LoaderLook, found: LengthLook) -> Seen:
    way = "longer" if found.in_order > 0 else "shorter"
    message = (
        f"the sequences of {found.field} grow {way} from the first batch of every epoch to the last (rank correlation of length and order {abs(found.in_order):.2f}, "
        f"{found.shortest} to {found.longest} {found.unit}): the last that the weights see is always the same end"
    )
    advice = "keep batches of like length, and draw the order of the batches anew in every epoch"
    return Seen(message, Location(detail=f"{loader.name}, {loader.sampler_name}, {found.field}"), {"correlation": found.in_order, "samples": found.samples}, advice=advice)


def _sorted(loader: LoaderLook, found: Quantity) -> Seen:
    way = "rise" if found.in_order > 0 else "fall"
    message = f"{found.field} {way} from the first batch of an epoch to the last (rank correlation with the order of delivery {abs(found.in_order):.2f}): each batch holds its own narrow range of them"
    return Seen(message, Location(detail=f"{loader.name}, {loader.sampler_name}, {found.field}"), {"correlation": found.in_order, "samples": found.samples})
