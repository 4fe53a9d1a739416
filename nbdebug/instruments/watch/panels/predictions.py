"""The predictions on a fixed batch: sample by step, and how they change from look to look."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from nbdebug.instruments.watch.predictions.result import Predictions
from nbdebug.page import Curve, Heatmap, Panel, Table
from nbdebug.render.numbers import number
from nbdebug.render.scales import evenly

MOST_ROWS, LIVE_ROWS = 32, 16
MOST_COLUMNS, LIVE_COLUMNS = 64, 48
MOST_LOOKS = 12  # rows of the table


def prediction_panels(said: Predictions) -> Iterator[Panel]:
    """What was said of each sample, look by look; how many changed their mind; a table of some looks."""
    yield _map(said, MOST_ROWS, MOST_COLUMNS)
    if said.kind == "classes":
        yield _heatmap(
            "predicted class, sample by step", said, said.predicted, MOST_ROWS, MOST_COLUMNS, "class", "one colour in a column: all get one class"
        )
    yield _curve(said)
    yield _table(said)


def live_map(said: Predictions) -> Heatmap | None:
    """A few samples, while the loop runs."""
    return _map(said, LIVE_ROWS, LIVE_COLUMNS) if len(said.steps) > 1 else None


def _map(said: Predictions, most_rows: int, most_columns: int) -> Heatmap:
    if said.is_classes:
        return _heatmap(
            "probability of the truth, sample by step", said, said.values, most_rows, most_columns, "probability", _told(said)
        )
    values = tuple(tuple(map(abs, look)) for look in said.values)
    return _heatmap("error of the prediction, sample by step", said, values, most_rows, most_columns, "|prediction - target|", _told(said))


def _heatmap(title: str, said: Predictions, values: Sequence[Sequence[float]], most_rows: int, most_columns: int, unit: str, caption: str) -> Heatmap:
    """One row a sample, sorted by their truth; one column a look."""
    rows, columns = evenly(len(said.rows), most_rows), evenly(len(said.steps), most_columns)
    cut = [f"{len(rows)} of {len(said.rows)} rows"] * (len(rows) < len(said.rows)) + [f"{len(columns)} of {len(said.steps)} looks"] * (len(columns) < len(said.steps))
    return Heatmap(
        title,
        rows=tuple(f"{said.rows[i]}: {number(said.truth[i])}" for i in rows),
        columns=tuple(str(said.steps[j]) for j in columns),
        values=tuple(tuple(float(values[j][i]) for j in columns) for i in rows),
        x_label="step",
        y_label="sample: truth",
        unit=unit,
        caption="; ".join(filter(None, [caption, ", ".join(cut)])),
    )


def _told(said: Predictions) -> str:
    cost = f"; looking took {said.share:.1%} of the time" if said.share is not None else ""
    return f"{said.batch}, in eval mode{cost}"


def _curve(said: Predictions) -> Curve:
    x = tuple(map(float, said.steps))
    if said.is_classes:
        changed = "changed since the last look"
        shares = {"right": said.accuracy, changed: said.flips[1:], "of the commonest class": tuple(s for _, s in said.commonest)}
        return Curve("predictions on the fixed batch", shares, x=x, y_label="share", caption="of its samples", own_x={changed: x[1:]})
    caption = "spread: of the predictions over that of the targets; near 0 all samples get one value"
    return Curve("predictions on the fixed batch", {"rms error": said.errors, "spread": said.spreads}, x=x, caption=caption)


def _table(said: Predictions) -> Table:
    chosen = evenly(len(said.steps), MOST_LOOKS)
    if not said.is_classes:
        rows = tuple((said.steps[j], said.errors[j], said.spreads[j], said.different[j]) for j in chosen)
        return Table("some looks", ("step", "rms error", "spread over that of the targets", "different predictions"), rows)
    rows = tuple(
        (said.steps[j], _known(said.accuracy[j]), _known(said.flips[j]), said.different[j], number(said.commonest[j][0]), said.commonest[j][1])
        for j in chosen
    )
    return Table("some looks", ("step", "right", "changed", "different predictions", "commonest", "its share"), rows, f"of {len(said.rows)} predictions")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
