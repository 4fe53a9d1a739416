"""How a watched training is laid out: the curves, the loop as it ran, the tensors over the steps, what took part."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.instruments.watch.panels.loop import loop_panels
from nbdebug.instruments.watch.panels.predictions import prediction_panels
from nbdebug.instruments.watch.panels.tensors import tensor_panels
from nbdebug.instruments.watch.result import Track, WatchResult
from nbdebug.page import Curve, Note, Panel, Table

LOG_FROM = 100.0  # our choice: a loss that spans two decades shows nothing of its end on a linear axis
MOST_SERIES = 8  # in one drawing
LOSSES = ("loss", "validation loss")
RATE, NORM, SECONDS, WAIT, MEMORY = "learning rate", "gradient norm", "seconds", "data wait", "memory"


def panels_of(result: WatchResult) -> tuple[Panel, ...]:
    """All panels of a watched training, each only if there is something to show."""
    return tuple(_panels(result))


def loss_panel(result: WatchResult) -> Curve | None:
    """Training and validation loss over the steps; None when no loss was seen."""
    return _curve("loss", _named(result, *LOSSES), log=True)


def _panels(result: WatchResult) -> Iterator[Panel]:
    rates = _named(result, RATE)
    constant = all(len({*track.low, *track.high}) < 2 for track in rates)
    rate_panel = _curve("learning rate", rates)
    curves = [
        loss_panel(result),
        None if constant else rate_panel,  # a straight line stands further down
        _norm_panel(result),
        _curve("logged by you", _others(result)),
    ]
    yield from (panel for panel in curves if panel is not None)
    if result.predictions is not None:
        yield from prediction_panels(result.predictions)
    yield from loop_panels(result)
    yield from tensor_panels(result)
    costs = [
        rate_panel if constant else None,
        _curve("seconds a step", _named(result, SECONDS), caption="from its batch to the end of its update"),
        _curve("share of a step spent waiting for data", _named(result, WAIT)),
        _curve("memory in MB", _named(result, MEMORY), caption="allocated on the accelerator if there is one, else resident in RAM"),
    ]
    yield from (panel for panel in costs if panel is not None)
    yield from _parts(result)
    if result.limits:
        yield Note("what could not be seen", "\n".join(result.limits))


def _curve(title: str, tracks: list[Track], *, log: bool = False, caption: str = "") -> Curve | None:
    """The tracks over their steps, with the extremes of points that stand for several steps."""
    shown = [track for track in tracks if len(track)][:MOST_SERIES]
    if not shown:
        return None
    first, *rest = shown
    words = [caption] if caption else []
    if any(map(is_thinned, shown)):
        words.append("each point is the mean of several steps, the shade shows their lowest and highest")
    if len(tracks) > len(shown):
        words.append(f"{len(shown)} of {len(tracks)} are drawn")
    return Curve(
        title,
        {track.name: track.values for track in shown},
        x=tuple(map(float, first.steps)),
        log_y=log and _spans_decades(shown),
        caption="; ".join(words),
        own_x={track.name: tuple(map(float, track.steps)) for track in rest},
        spread={track.name: (track.low, track.high) for track in shown if is_thinned(track)},
    )


def _norm_panel(result: WatchResult) -> Curve | None:
    """In total and by group; where there is one group, it is the total."""
    tracks = _named(result, NORM)
    if len(tracks) == 2 and any(track.name == NORM for track in tracks) and _are_one(*tracks):
        tracks = [track for track in tracks if track.name == NORM]
    words = "of all parameters together, and by group" if len(tracks) > 1 else "of all parameters together"
    return _curve("gradient norm", sorted(tracks, key=lambda track: track.name != NORM), log=True, caption=words)


def _are_one(one: Track, other: Track) -> bool:
    """The same values, NaN at the same steps."""
    return one.steps == other.steps and all(a == b or (a != a and b != b) for a, b in zip(one.values, other.values, strict=True))


def is_thinned(track: Track) -> bool:
    """Whether any of its points stands for several steps that differ."""
    return any(low != high for low, high in zip(track.low, track.high, strict=True) if low == low and high == high)


def _spans_decades(tracks: list[Track]) -> bool:
    finite = [value for track in tracks for value in track.finite()]
    positive = [value for value in finite if value > 0]
    return len(positive) == len(finite) > 0 and max(positive) / min(positive) > LOG_FROM


def _named(result: WatchResult, *kinds: str) -> list[Track]:
    """The tracks of these names, and those that say whose they are: "learning rate opt, group 1"."""
    return [track for kind in kinds for name, track in result.tracks.items() if _is(name, kind)]


def _others(result: WatchResult) -> list[Track]:
    ours = (*LOSSES, RATE, NORM, SECONDS, WAIT, MEMORY)
    return [track for name, track in result.tracks.items() if not any(_is(name, kind) for kind in ours)]


def _is(name: str, kind: str) -> bool:
    return name == kind or (name.startswith(f"{kind} ") and kind not in (SECONDS, WAIT, MEMORY))


def _parts(result: WatchResult) -> Iterator[Table]:
    """What took part: models, optimizers, schedulers, loaders."""
    models = tuple(
        (m.name, m.kind, m.parameters, m.forwards, m.dtype, ", ".join(m.modes_matter[:4]) or "–", m.wrapper or m.invisible or "–")
        for m in result.models
    )
    if models:
        yield Table("models", ("model", "class", "parameters", "forward passes", "dtype", "train and eval differ in", "wrapped"), models)
    optimizers = tuple(
        (o.name, o.kind, o.steps, o.skipped, i, len(g.parameters), g.lr, g.weight_decay)
        for o in result.optimizers
        for i, g in enumerate(o.groups)
    )
    columns = ("optimizer", "class", "steps", "skipped", "group", "parameters", "learning rate", "weight decay")
    if optimizers:
        yield Table("optimizers", columns, optimizers, caption="groups as they were at the last step")
    if result.schedulers:
        rows = tuple((s.name, s.kind, s.optimizer, s.steps, str(s.place)) for s in result.schedulers)
        yield Table("schedulers", ("scheduler", "class", "optimizer", "steps", "stepped at"), rows)
    if result.loaders:
        rows = tuple((x.name, x.length, x.batch_size, _sizes(x.sizes), x.epochs, x.shuffled) for x in result.loaders)
        yield Table("loaders", ("loader", "batches", "batch size", "sizes that came", "times iterated", "shuffled"), rows)


def _sizes(sizes: dict[str, int]) -> str:
    return ", ".join(f"{count} × {size}" for size, count in sizes.items()) or "–"

