"""What the checks of labels have in common."""

from __future__ import annotations

from nbdebug.data.classes import ClassLook
from nbdebug.data.classes.order import Order
from nbdebug.instruments.data_audit.result import NAMED, DataLook, Labels, LoaderLook

ENOUGH = 30  # samples a class, were they even: then a ratio of 10, or a class without any, is no accident
BLOCKED_Z = 5.0  # standard deviations of a random order
BLOCKED_SHARE = 0.3  # of the way from random to sorted
NO_CLASSES = {  # kind of targets → why nothing can be said about their classes
    "quantity": "the targets are a quantity, not classes",
    "mask": "the targets are masks, with a class for every pixel",
    "other": "the targets are neither classes nor a quantity, one a sample",
}


def is_blocked(order: Order | None) -> bool:
    """Whether labels share their batches far more often than in random order."""
    if order is None or order.z < BLOCKED_Z or order.sorted <= order.random:
        return False
    return order.delivered - order.random >= BLOCKED_SHARE * (order.sorted - order.random)


def part_of_a_block(loader: LoaderLook, labels: Labels) -> bool:
    """Whether the classes seen are only those that came first."""
    return not loader.whole and is_blocked(labels.order)


def why_no_labels(look: DataLook) -> str:
    """Why nothing can be said about classes."""
    if look.train.text_targets:
        return f"the targets are a {look.train.text_targets}: turn them into class indices"
    if look.step_error:
        return f"the loss of the first batch could not be computed: {look.step_error}"
    if (alone := alone_with(look)) is not None:
        return NO_CLASSES.get(alone.kind, alone.left_out.get("alignment", "no target is known: say target=…"))
    return "no loss over classes was seen on targets as the loader delivers them"


def alone_with(look: DataLook) -> ClassLook | None:
    """What is known of the labels of data that came without a model; None when there is one."""
    return look.classes if look.classes is not None and look.classes.alone else None


def places(where: tuple[str, ...], count: int) -> str:
    """`dataset index 3, 17, 40, …` from the names of the first samples."""
    word = "dataset index "
    if where and all(name.startswith(word) for name in where):
        where = (where[0], *(name.removeprefix(word) for name in where[1:]))
    return ", ".join(where) + (", …" if len(where) == NAMED and count > NAMED else "")
