"""Judges of a watched loop; each registers itself."""

from nbdebug.instruments.watch.checks import (  # noqa: F401
    clearing,
    curves,
    decay,
    finite,
    memory,
    metric,
    mode,
    noise,
    overfitting,
    own,
    precision,
    predictions,
    rates,
    schedule,
    stability,
    state,
    statistics,
    tensors,
    update,
)  # fmt: skip
