"""The data look as panels, in the order of a reader's questions: what was read, what to mend, samples, labels, columns, splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nbdebug.instruments.data_audit.result import Broke, Column, DataLook, Field, Labels, LoaderLook
from nbdebug.page import Histogram, Note, Panel, Table
from nbdebug.render.scales import counts_whole_numbers

NAMED = " · "  # between the number of a class and its name
BARS = 60  # classes that are drawn; of more, the extremes are listed
EXTREMES = 10


def panels(look: DataLook) -> tuple[Panel, ...]:
    """All panels of a data look."""
    told = {name: _of(getattr(look, name)) for name in ("samples", "classes", "features", "structure", "between", "fixes")}
    found: list[Panel] = [_what_was_read(look), *told["fixes"], *told["samples"]]
    found += [_with_names(panel, look) for panel in told["classes"] or _balances(look)]
    found += told["features"] or _all_statistics(look)
    return (*found, *told["structure"], *told["between"])


def _of(answer: object) -> list[Panel]:
    return list(answer.panels()) if hasattr(answer, "panels") else []


def _balances(look: DataLook) -> list[Panel]:
    found = [(loader, field, labels) for loader in look.loaders for field, labels in look.labels(loader)]
    return [_balance(f"{loader.name}: {field.name}", labels) for loader, field, labels in found if labels.counts]


def _with_names(panel: Panel, look: DataLook) -> Panel:
    """A class balance with the names that the dataset gives its classes, where it names all that are drawn."""
    if not isinstance(panel, Histogram) or not panel.title.startswith("class balance") or not counts_whole_numbers(panel) or look.samples is None:
        return panel
    called = [name.partition(NAMED) for names in look.samples.collection.groups.values() for name in names]
    names = {number: name for number, told, name in called if told}
    numbers = [str(int(edge + 0.5)) for edge in panel.edges[:-1]]
    return replace(panel, bins=tuple(names[number] for number in numbers)) if names.keys() >= set(numbers) else panel


def _all_statistics(look: DataLook) -> list[Panel]:
    measured = [field for field in look.train.fields if field.overall is not None and (field.labels is None or not field.labels.counts)]
    return [panel for field in measured for panel in _statistics(field)]


def _what_was_read(look: DataLook) -> Note:
    sources = look.samples.sources if look.samples is not None else {}
    lines = [" ".join(_reading(loader, sources.get(loader.name, ""))) for loader in look.loaders]
    if look.loss is not None:
        lines.append(f"The loss of the first batch is {look.loss:.4g}.")
    elif look.step_error:
        lines.append(f"The loss of the first batch could not be computed: {look.step_error}.")
    return Note("what was read", "\n".join(lines))


def _reading(loader: LoaderLook, source: str) -> Iterator[str]:
    extent = f"all {loader.batches:,} batches" if loader.whole else f"the first {loader.batches:,} batches"
    yield source or f"{loader.name} ({loader.sampler_name}): {extent}, {loader.samples:,} samples."
    if loader.structure:
        yield f"The first batch is {loader.structure}."
    if not loader.rewinds:
        yield "Its dataset is iterable and cannot be rewound: what was read here is used up if it reads a stream."
    if loader.error and loader.stopped:
        yield f"Reading it ended early: {loader.error}."
    elif loader.broke is not None:
        yield f"A training would end on the way: {loader.error}; {_left_out(loader.broke)} left out here, and the rest was read."


def _left_out(broke: Broke) -> str:
    parts = [(broke.samples, "sample", "samples"), (broke.batches, "batch", "batches")]
    said = " and ".join(f"{count:,} such {one if count == 1 else many}" for count, one, many in parts if count)
    return f"{said} {'is' if broke.samples + broke.batches == 1 else 'are'}"


def _balance(title: str, labels: Labels) -> Panel:
    title = f"class balance, {title}"
    values = [label for label, _ in labels.counts]
    low, high = int(min(values)), int(max(values))
    if all(label == int(label) for label in values) and high - low < BARS:
        by_label = dict(labels.counts)
        edges = tuple(label - 0.5 for label in range(low, high + 2))
        counts = tuple(by_label.get(float(label), 0) for label in range(low, high + 1))
        return Histogram(title, edges, {"samples": counts}, x_label="label")
    ranked = sorted(labels.counts, key=lambda pair: -pair[1])
    shown = ranked if len(ranked) <= 2 * EXTREMES else ranked[:EXTREMES] + ranked[-EXTREMES:]
    caption = f"{len(shown)} of {len(ranked)} labels: the most and the least frequent"
    return Table(title, ("label", "count"), tuple(shown), caption)


def _statistics(field: Field) -> Iterator[Panel]:
    overall = field.overall
    assert overall is not None
    caption = f"{field.dtype} {field.shape}"
    if field.column_count > len(field.columns):
        caption += f"; {len(field.columns)} of {field.column_count}: the narrowest and the widest"
    if field.constant_count:
        caption += f"; {field.constant_count} constant"
    heads = ("", "mean", "std", "min", "max", "zeros %")
    rows = field.columns if field.column_count == 1 else (overall, *field.columns)
    yield Table(f"statistics of {field.name}", heads, tuple(_row(column) for column in rows), caption)
    if field.labels is None and field.counts:
        caption = "the outer bins hold what lies beyond the first batch's range"
        yield Histogram(f"values of {field.name}", field.edges, {field.name: field.counts}, "value", caption=caption)


def _row(column: Column) -> tuple[str | float, ...]:
    return (column.name, column.mean, column.std, column.low, column.high, round(100 * column.zeros, 1))

