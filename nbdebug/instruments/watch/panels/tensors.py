"""The tensors of a watched training: over the steps, by magnitude, and in tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import median

from nbdebug.instruments.watch.numbers.magnitudes import beyond_fp16, lost_in_bf16, lost_in_fp16
from nbdebug.instruments.watch.panels.history import COLUMNS, magnitudes_by_step, shares_at, stretches
from nbdebug.instruments.watch.result import TensorTrack, Units, WatchResult
from nbdebug.magnitudes import chosen_rows, magnitude_map
from nbdebug.page import Heatmap, Panel, Table

MOST_COLUMNS = 64  # of a heat-map over the steps
MOST_TOLD = 4  # tensors of a kind whose history stands in the report itself; the widget has them all
Series = Callable[[TensorTrack], dict[int, float]]


def step_maps(result: WatchResult, *, most: int = 64) -> Iterator[Heatmap]:
    """Heat-maps over the steps: activations, gradients and updates.

    Args:
        most: rows of each; more are chosen from evenly.
    """
    activations, upward, ratios = _seen(result, "activation"), _seen(result, "activation gradient"), update_ratios(result)
    if activations:
        yield over_steps("activation size, layer by step", activations, rms_by_step, each="layer", unit="rms", most=most)
    if upward:
        yield over_steps("gradient at each layer's output, layer by step", upward, rms_by_step, each="layer", unit="rms", most=most)
    if ratios:
        yield over_steps(
            "update against weight, parameter by step", [t for t in _seen(result, "weight") if t.name in ratios], lambda t: ratios[t.name],
            each="parameter",
            unit="rms of the update / rms of the weight",
            caption="a rule of thumb is 1e-3: far below it a parameter hardly moves, far above it jumps",
            most=most,
        )  # fmt: skip


def tensor_panels(result: WatchResult) -> Iterator[Panel]:
    """Heat-maps over the steps and over magnitudes, units, tables, and the histories of a few."""
    activations, upward = _seen(result, "activation"), _seen(result, "activation gradient")
    weights, gradients, ratios = _seen(result, "weight"), _seen(result, "gradient"), update_ratios(result)
    yield from step_maps(result)
    for what, tracks in (("activation", activations), ("weight", weights), ("gradient", gradients)):
        if tracks:
            yield _magnitudes(what, tracks)
    if result.units:
        yield _units(result)
    if activations:
        yield _layer_table(activations)
    if weights or gradients:
        yield _parameter_table(result, ratios)
    for track in _telling(activations) + _telling(upward)[:2] + _telling(gradients)[:2]:
        yield magnitudes_by_step(track)


def rms_by_step(track: TensorTrack) -> dict[int, float]:
    """Step → rms; infinite where there was any NaN or Inf."""
    return {s: math.inf if odd else rms for s, rms, odd in zip(track.steps, track.rms, track.nonfinite, strict=True)}


def update_ratios(result: WatchResult) -> dict[str, dict[int, float]]:
    """For every weight: step → rms of its update over its own rms."""
    updates = {track.name: track for track in _seen(result, "update")}
    ratios: dict[str, dict[int, float]] = {}
    for weight in _seen(result, "weight"):
        update = updates.get(weight.name)
        own, moved = rms_by_step(weight), rms_by_step(update) if update is not None else {}
        found = {step: moved[step] / own[step] if own[step] > 0 else math.nan for step in own if step in moved}
        if found:
            ratios[weight.name] = found
    return ratios


def over_steps(
    title: str, tracks: list[TensorTrack], series: Series, *, each: str, unit: str, caption: str = "", most: int = 64
) -> Heatmap:
    """One row a tensor, one column a sampled step; where several share a column, the largest of them is drawn."""
    chosen = [tracks[i] for i in chosen_rows(len(tracks), _odd(tracks), most)]
    steps = sorted({step for track in chosen for step in track.steps})
    parts = [[steps[i] for i in part] for part in stretches(steps, MOST_COLUMNS)]
    words = [f"{len(chosen)} of {len(tracks):,} {each}s, evenly chosen"] if len(chosen) < len(tracks) else []
    words += [f"each column the largest of up to {len(parts[0])} sampled steps"] if len(parts[0]) > 1 else []
    values = tuple(_row(series(track), parts) for track in chosen)
    words += ["red: NaN or Inf in it"] if any(math.inf in row for row in values) else []
    return Heatmap(
        title,
        rows=tuple(track.name for track in chosen),
        columns=tuple(str(part[0]) for part in parts),
        values=values,
        x_label="step",
        y_label=each,
        unit=unit,
        caption="; ".join([*words, *filter(None, [caption])]),
        log=True,
    )


def _row(values: dict[int, float], parts: list[list[int]]) -> tuple[float, ...]:
    return tuple(max((values[s] for s in part if s in values and values[s] == values[s]), default=math.nan) for part in parts)


def _magnitudes(what: str, tracks: list[TensorTrack]) -> Heatmap:
    each = "layer" if what == "activation" else "parameter"
    last = max(track.steps[-1] for track in tracks)
    odd = [tracks[i] for i in _odd(tracks) if tracks[i].nonfinite[-1]]
    named = ", ".join(f"{track.name} ({track.nonfinite[-1]:,} of {track.elements:,})" for track in odd[:4])
    return magnitude_map(
        f"{what} magnitudes at step {last:,}", [t.name for t in tracks], [shares_at(t, -1) for t in tracks],
        each=each, columns=COLUMNS, keep=_odd(tracks),
        caption=f"NaN or Inf in {named}" if named else "no NaN or Inf",
    )  # fmt: skip


def _units(result: WatchResult) -> Table:
    rows = tuple(
        (
            u.name, u.function, u.units, u.dead, u.saturated, (u.dead + u.saturated) / max(1, u.units),
            ", ".join(map(str, u.first[:6])) or "–", _last_alive(u), u.gradient, u.samples,
        )
        for u in sorted(result.units, key=lambda u: -(u.dead + u.saturated) / max(1, u.units))
    )  # fmt: skip
    columns = (
        "non-linearity", "function", "units", "dead", "saturated", "share", "some of them", "last alive at", "gets a gradient",
        "samples",
    )  # fmt: skip
    return Table("dead and saturated units", columns, rows, caption="dead or saturated for everything seen in the last sampled steps")


def _last_alive(units: Units) -> str:
    if not units.dead + units.saturated:
        return "–"
    return "never" if units.since < 0 else f"step {units.since:,}"


def _layer_table(tracks: list[TensorTrack]) -> Table:
    rows = tuple(
        (
            t.name, t.kind, t.elements, t.rms[0], t.rms[-1], t.mean[-1], t.std[-1], shares_at(t, -1)[0], sum(t.nonfinite),
            *_beyond_range(t),
        )
        for t in _odd_first(tracks)
    )  # fmt: skip
    columns = ("layer", "class", "elements", "rms at first", "rms at last", "mean", "std", "zeros", "NaN or Inf")
    return _with_range("layers", columns, rows)


def _parameter_table(result: WatchResult, ratios: dict[str, dict[int, float]]) -> Table:
    weights = {t.name: t for t in _seen(result, "weight")}
    gradients = {t.name: t for t in _seen(result, "gradient")}
    ratio_of = {name: [v for v in values.values() if math.isfinite(v)] for name, values in ratios.items()}
    rows = []
    for name in dict.fromkeys([*weights, *gradients]):
        weight, gradient, moved = weights.get(name), gradients.get(name), ratio_of.get(name)
        known = weight or gradient
        assert known is not None
        rows.append((
            name, known.elements, weight and weight.rms[-1], gradient and gradient.rms[-1],
            *((median(moved), min(moved), max(moved)) if moved else (None, None, None)),
            sum(sum(t.nonfinite) for t in (weight, gradient) if t), *(_beyond_range(gradient) if gradient else (None, None, None)),
        ))  # fmt: skip
    rows.sort(key=lambda row: -row[7] if len(rows) > _FEW else 0)
    columns = ("parameter", "elements", "weight rms", "gradient rms", "update / weight", "lowest", "highest", "NaN or Inf")
    return _with_range("parameters", columns, tuple(rows), of="its gradient's ")


def _with_range(title: str, columns: tuple[str, ...], rows: tuple[tuple, ...], *, of: str = "") -> Table:
    """The table with those of its last columns, the shares out of a format's range, that are not zero throughout."""
    shown = [i for i in range(len(RANGES)) if any(row[len(columns) + i] for row in rows)]
    kept = tuple((*row[: len(columns)], *(row[len(columns) + i] for i in shown)) for row in rows)
    absent = ", ".join(name for i, name in enumerate(RANGES) if i not in shown)
    words = ["NaN or Inf: counted over all sampled steps"]
    words += [f"shares are of {of}non-zero elements: " + ", ".join(f"{n} ({RANGES[n]})" for i, n in enumerate(RANGES) if i in shown)] * bool(shown)
    words += [f"none {absent}"] if absent else []
    return Table(title, (*columns, *(name for i, name in enumerate(RANGES) if i in shown)), kept, caption="; ".join(words))


_FEW = 100  # rows of a table that HTML shows; beyond that those with NaN or Inf come first
RANGES = {"beyond fp16": "2^16 or larger", "lost in fp16": "below 2^-24", "lost in bf16": "subnormal"}


def _beyond_range(track: TensorTrack) -> tuple[float, float, float]:
    """Shares of the non-zero elements of all sampled steps: too large for fp16, too small for fp16, for bf16."""
    totals = [sum(column) for column in zip(*track.counts, strict=True)]
    seen = max(1, sum(totals[1:]))
    return beyond_fp16(totals) / seen, lost_in_fp16(totals) / seen, lost_in_bf16(totals) / seen


def _telling(tracks: list[TensorTrack]) -> list[TensorTrack]:
    """A few whose history is worth a look: with NaN or Inf, that changed most, the first and the last."""
    if not tracks:
        return []
    changed = max(range(len(tracks)), key=lambda i: _change(tracks[i]))
    chosen = dict.fromkeys([*_odd(tracks)[:2], changed, 0, len(tracks) - 1])
    return [tracks[i] for i in list(chosen)[:MOST_TOLD]]


def _change(track: TensorTrack) -> float:
    sizes = [rms for rms in track.rms if rms > 0 and math.isfinite(rms)]
    return math.log(max(sizes) / min(sizes)) if sizes else 0.0


def _odd(tracks: list[TensorTrack]) -> list[int]:
    """Positions of those with any NaN or Inf."""
    return [i for i, track in enumerate(tracks) if any(track.nonfinite)]


def _odd_first(tracks: list[TensorTrack]) -> list[TensorTrack]:
    odd = set(_odd(tracks)) if len(tracks) > _FEW else set()
    return [tracks[i] for i in sorted(range(len(tracks)), key=lambda i: (i not in odd, i))]


def _seen(result: WatchResult, what: str) -> list[TensorTrack]:
    return [track for track in result.tensors_of(what) if track.steps]
