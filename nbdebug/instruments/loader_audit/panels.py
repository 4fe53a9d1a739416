"""The loader audit as panels: who was asked, samples before and after, where the time goes, configurations."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.running import LoaderRun, SpeedLook, Trial
from nbdebug.instruments.loader_audit.result import LoaderLooks
from nbdebug.instruments.loader_audit.waiting import why_calm
from nbdebug.page import Gallery, Note, Panel, Table


def panels(looks: LoaderLooks) -> Iterator[Panel]:
    """All panels of a loader audit."""
    columns = ("loader", "dataset", "workers", "samples asked", "ms a sample", "transforms", "random")
    yield Table("the loaders", columns, tuple(_row(look) for look in looks.loaders), _caption(looks))
    for look in looks.loaders:
        if look.exhibits:
            yield Gallery(f"before and after: {look.name}", look.exhibits, "each sample as it is stored, and as it leaves the transforms")
    if looks.speed is None and looks.why_no_speed and not looks.brief:
        yield Note("speed: not measured", looks.why_no_speed)
    if looks.speed is not None:
        yield from _speed(looks.speed)
    if looks.call:
        yield Note("faster here", looks.call, "code")


def _row(look: LoaderRun) -> tuple[str | int | float, ...]:
    random = "no" if look.settled else "not known" if look.repeated is None else "yes" if look.repeated.random else "no"
    named = ", ".join(look.transforms[:6]) + (", …" if len(look.transforms) > 6 else "")
    return (look.name, look.dataset, look.workers, look.samples, round(1000 * look.sample_seconds, 3), named, random)


def _caption(looks: LoaderLooks) -> str:
    said = [f"{look.name}: {look.why_not}" for look in looks.loaders if look.why_not]
    said += [f"{look.name}: workers were not asked: {look.why_no_workers}" for look in looks.loaders if look.why_no_workers]
    return "; ".join(said)


def _speed(speed: SpeedLook) -> Iterator[Panel]:
    yield _measured(speed)
    if speed.costs:
        costs = tuple((cost.part, round(cost.milliseconds, 4), f"{cost.share:.0%}") for cost in speed.costs)
        yield Table("where a sample's time goes", ("part", "ms a sample", "share"), costs, "read in this process")
    if speed.others:
        trials = sorted((speed.own, *speed.others), key=lambda trial: trial.batch_seconds)
        rows = tuple(_configuration(trial, yours=trial is speed.own) for trial in trials)
        heads = ("configuration", "samples a second", "ms a batch", "fastest..slowest", "ms to the first batch")
        yield Table("configurations", heads, rows, "" if speed.best else "none is faster than yours beyond the noise")


def _measured(speed: SpeedLook) -> Table:
    own = speed.own
    rows = [("first batch, start of workers included", _ms(own.first_batch)), ("a batch after that", _ms(own.batch_seconds))]
    rows.append(("samples a second", f"{own.samples_per_second:,.0f}"))
    if own.batch_seconds > 0:
        rows.append(("batches a second", f"{1 / own.batch_seconds:,.1f}"))
    if speed.move_seconds is not None:
        rows.append(("moving a batch to the device", _ms(speed.move_seconds)))
    if speed.step_seconds is not None:
        rows += [("forward and backward", _ms(speed.step_seconds)), ("the model would wait", f"{speed.waiting or 0:.0%} of the time")]
    caption = f"num_workers={own.num_workers}, {own.batches} batches read by a twin of the loader; {speed.cores} cores"
    if speed.step_seconds is not None:
        caption += "; the wait is an estimate"
        caption += f" ({why})" if (why := why_calm(speed)) else ""
    caption += f"; not measured: {'; '.join(speed.not_measured)}" if speed.not_measured else ""
    return Table(f"speed of {speed.name}", ("what", "measured"), tuple(rows), caption)


def _configuration(trial: Trial, *, yours: bool) -> tuple[str | int | float, ...]:
    spread = f"{1000 * trial.spread[0]:.2f}..{1000 * trial.spread[1]:.2f}"
    return (
        trial.options() + (" (yours)" if yours else ""), round(trial.samples_per_second), round(1000 * trial.batch_seconds, 3), spread,
        round(1000 * trial.first_batch, 1),
    )  # fmt: skip


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms"
