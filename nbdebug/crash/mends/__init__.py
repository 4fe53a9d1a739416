"""What may help, family by family: each yields the mends that fit the call that raised, the likeliest first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.mends import (
    attention,
    backward,
    broadcasting,
    containers,
    devices,
    einsums,
    joining,
    kinds,
    layers,
    losses,
    norms,
    operations,
    outside,
    values,
)

FAMILIES = (
    containers, devices, kinds, losses, layers, norms, attention, operations, broadcasting, joining, einsums, backward, outside, values,
)  # fmt: skip


def mends(failure: Failure) -> Iterator[Try]:
    """All mends that fit, the likeliest first."""
    for family in FAMILIES:
        with contextlib.suppress(Exception):  # a family that stumbles on odd arguments must not take the others with it
            yield from family.tries(failure)
