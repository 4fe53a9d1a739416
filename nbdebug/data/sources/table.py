"""Tables: frames of pandas and Arrow, record arrays and columns by name, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy

from nbdebug.data.chunk import INPUT, TARGET, Field, Rows
from nbdebug.data.sources.wanted import demand_known

ROWS, BYTES = 65_536, 16_000_000  # of a chunk
NUMBERS = "table"  # name of the field that holds all columns of numbers


def is_table(data: Any) -> bool:
    """Whether this is a frame, a record array, or columns by name; asks without importing pandas or Arrow."""
    if isinstance(data, numpy.ndarray):
        return bool(data.dtype.names)
    if isinstance(data, Mapping):
        return bool(data) and all(_is_column(column) for column in data.values()) and len({len(column) for column in data.values()}) == 1
    room = type(data).__module__.split(".")[0]
    return (room in ("pandas", "polars") and hasattr(data, "columns")) or (room == "pyarrow" and hasattr(data, "column_names"))


class Table:
    """A table as an iterable of `Rows`: one field with all columns of numbers, and one for every other column and target."""

    numbered = True  # the running number of a sample is its row

    def __init__(self, data: Any, targets: tuple[str, ...] = (), *, slices: Iterable[Any] | None = None, about: str = "", columns: Any = None) -> None:
        """
        Args:
            slices: tables one after the other, where the whole does not lie in memory; read anew at each pass.
            columns: their names, in that case.
        """
        self.data, self.targets, self.slices = data, targets, slices
        names, _ = named_columns(data) if columns is None else (list(columns), None)
        self.names = _told_apart(names)
        demand_known(targets, self.names, "column")
        self.rows = None if slices is not None else _length(data)
        self.about = about or f"{type(data).__name__} of {self.rows:,} rows and {len(names):,} columns"
        twice = len(self.names) - len(set(names))
        self.notes = (f"{twice} column{'s share a name' if twice > 1 else ' shares its name'} with another",) if twice else ()

    def __iter__(self) -> Iterator[Rows]:
        if self.slices is not None:
            for part in self.slices:
                yield from self._cut(part)
        elif self.rows:
            yield from self._cut(self.data)

    def fetch(self, index: int) -> dict[str, Any]:
        """One row, by the names of its columns. Raises IndexError where the table cannot be read by row."""
        if self.slices is not None:
            raise IndexError("this table is read from its file from the beginning on: it has no row by number")
        _, column = named_columns(self.data)
        return {name: plain_column(column(i, slice(index, index + 1)))[0] for i, name in enumerate(self.names)}

    def _cut(self, data: Any) -> Iterator[Rows]:
        _, column = named_columns(data)
        many = max(16, min(ROWS, BYTES // (8 * max(1, len(self.names)))))
        for start in range(0, _length(data), many):
            rows = slice(start, start + many)
            columns = [plain_column(column(i, rows)) for i in range(len(self.names))] if len(self.names) < 2000 or not _is_plain_frame(data) else None
            yield Rows(tuple(_fields(columns, self.names, self.targets) if columns is not None else _wide(data, rows, self.names, self.targets)))


def named_columns(data: Any) -> tuple[list[str], Callable[[int, slice], Any]]:
    """The names of the columns, and how to get some rows of one by its place."""
    if isinstance(data, numpy.ndarray):
        names = list(data.dtype.names)
        return names, lambda i, rows: data[names[i]][rows]
    if isinstance(data, Mapping):
        columns = list(data.values())
        return [str(name) for name in data], lambda i, rows: columns[i][rows]
    if hasattr(data, "column_names"):
        return [str(name) for name in data.column_names], lambda i, rows: data.column(i).slice(rows.start, rows.stop - rows.start)
    if hasattr(data, "iloc"):
        return [str(name) for name in data.columns], lambda i, rows: data.iloc[rows, i]
    return [str(name) for name in data.columns], lambda i, rows: data[:, i][rows]  # polars


def plain_column(column: Any) -> numpy.ndarray | list:
    """Numbers and times as an array, with NaN for what is missing; everything else as a list, with None."""
    if isinstance(column, numpy.ndarray):
        return column if column.dtype.kind in "iufbmM" else column.tolist()
    if isinstance(column, (list, tuple)):
        kinds = {type(value) for value in column}
        return numpy.asarray(column) if kinds and kinds <= {int, float, bool} else list(column)
    if hasattr(column, "to_pylist"):
        return _of_arrow(column)
    if hasattr(column, "detach"):
        return column.detach().cpu().numpy()
    return _of_pandas(column)


def _of_pandas(column: Any) -> numpy.ndarray | list:
    kind = getattr(column.dtype, "kind", "O")
    if isinstance(column.dtype, numpy.dtype) and kind in "iufbmM":
        return column.to_numpy()
    if not isinstance(column.dtype, numpy.dtype) and kind in "iufb":  # pandas' own, which may lack values
        return column.to_numpy(numpy.float64, na_value=numpy.nan) if column.isna().any() else column.to_numpy(f"{'bool' if kind == 'b' else column.dtype.numpy_dtype}")
    if kind == "M":
        return column.dt.tz_localize(None).to_numpy() if getattr(column.dt, "tz", None) is not None else column.to_numpy()
    values = column.to_list() if hasattr(column, "to_list") else list(column)
    return [None if _is_missing(value) else value for value in values]


def _of_arrow(column: Any) -> numpy.ndarray | list:
    name = str(column.type)
    if name.startswith(("int", "uint", "float", "double", "halffloat", "bool", "timestamp", "date")):
        try:
            found = column.to_numpy(zero_copy_only=False) if not hasattr(column, "chunks") else column.to_numpy()
        except NotImplementedError:
            return column.to_pylist()
        if found.dtype.kind == "O":  # truth values with some missing
            found = numpy.array([numpy.nan if value is None else value for value in found.tolist()], numpy.float64)
        return found
    return column.to_pylist()


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ in ("NAType", "NaTType")


def _fields(columns: list[Any], names: list[str], targets: tuple[str, ...]) -> Iterator[Field]:
    numeric = [i for i, c in enumerate(columns) if isinstance(c, numpy.ndarray) and c.ndim == 1 and c.dtype.kind in "iufb" and names[i] not in targets]
    if numeric:
        table = numpy.empty((len(numeric), len(columns[numeric[0]])))
        for row, i in enumerate(numeric):
            table[row] = columns[i]
        yield Field(NUMBERS, INPUT, table.T, "float64", tuple(names[i] for i in numeric), tuple(str(columns[i].dtype) for i in numeric))
    for i, values in enumerate(columns):
        if i not in numeric:
            dtype = str(values.dtype) if isinstance(values, numpy.ndarray) else "object"
            yield Field(names[i], TARGET if names[i] in targets else INPUT, values, dtype)


def _wide(data: Any, rows: slice, names: list[str], targets: tuple[str, ...]) -> Iterator[Field]:
    """Thousands of columns of one dtype at once."""
    values = data.iloc[rows].to_numpy()
    inside = [i for i, name in enumerate(names) if name not in targets]
    if inside:
        yield Field(NUMBERS, INPUT, values[:, inside].astype(numpy.float64, copy=False), "float64", tuple(names[i] for i in inside), (str(values.dtype),) * len(inside))
    for i, name in enumerate(names):
        if name in targets:
            yield Field(name, TARGET, values[:, i], str(values.dtype))


def _is_plain_frame(data: Any) -> bool:
    if not hasattr(data, "iloc"):
        return False
    kinds = set(data.dtypes.unique())
    return len(kinds) == 1 and getattr(next(iter(kinds)), "kind", "O") in "iuf"


def _told_apart(names: list[str]) -> list[str]:
    """Columns of one name get a number: "age", "age (2)"."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _length(data: Any) -> int:
    return len(next(iter(data.values()))) if isinstance(data, Mapping) else data.num_rows if hasattr(data, "num_rows") else len(data)


def _is_column(column: Any) -> bool:
    if hasattr(column, "ndim"):
        return column.ndim == 1
    return isinstance(column, (list, tuple)) and all(isinstance(value, (int, float, str, bool, type(None))) for value in column[:100])
