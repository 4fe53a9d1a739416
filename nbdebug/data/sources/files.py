"""What a path leads to: a folder of images, a COCO file, a table, a text. And in which encoding a text was written."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy

from nbdebug.data.sources.arrays import Arrays, described
from nbdebug.data.sources.table import ROWS, Table
from nbdebug.errors import SetupError, first_line

TABLES, TEXTS = (".csv", ".tsv", ".tab"), (".txt", ".text")
BLOCK = 1_000_000  # bytes read at once
FEW = 0.01  # of the bytes beyond ASCII that are not UTF-8: more, and the file is not meant to be
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def loader_of_path(given: Any, targets: tuple[str, ...]) -> Any:
    """Something to read batches from.

    Raises:
        SetupError: there is nothing at that path, or nothing that is known.
    """
    path = Path(given).expanduser()
    if not path.exists():
        raise SetupError(f"there is no file or folder {str(given)!r}: paths are taken from {Path.cwd()}")
    if path.is_dir():
        from nbdebug.data.sources.folder import ImageFolder

        return ImageFolder(path).loader()
    suffix = path.suffix.lower()
    if not path.stat().st_size:
        raise SetupError(f"{path.name} is empty: it has 0 bytes")
    if suffix == ".json":
        from nbdebug.data.sources.coco import Coco

        return Coco(path).loader()
    if suffix in TABLES:
        return TableFile(path, targets)
    if suffix in (".parquet", ".pq"):
        return _parquet(path, targets)
    if suffix in TEXTS:
        return TextFile(path)
    if suffix == ".npy":
        values = numpy.load(path, mmap_mode="r")
        return Arrays((values,), f"{path.name}, {described(values)}")
    raise SetupError(
        f"{path.name} is of no kind that can be read: pass a folder of images, a COCO .json, a .csv, .tsv, .parquet, .txt or .npy file"
    )


class TableFile(Table):
    """A table of characters, a part of its rows at a time."""

    def __init__(self, path: Path, targets: tuple[str, ...]) -> None:
        self.path = path
        self.encoding, self.errors, said = encoding_of(path)
        self.separator = "\t" if path.suffix.lower() in (".tsv", ".tab") else _separator(path, self.encoding)
        try:
            head = self._read(nrows=5)
        except Exception as error:
            raise SetupError(f"{path.name} cannot be read as a table: {first_line(error)}") from error
        super().__init__(head, targets, slices=_Anew(self._parts), about=f"table {path.name} of {len(head.columns):,} columns", columns=list(head.columns))
        self.notes = (*self.notes, *said)

    def _parts(self) -> Iterator[Any]:
        yield from self._read(chunksize=ROWS, on_bad_lines="warn")

    def _read(self, **more: Any) -> Any:
        import pandas

        return pandas.read_csv(self.path, sep=self.separator, encoding=self.encoding, encoding_errors=self.errors, low_memory=False, **more)


class TextFile:
    """A text, one sample a line."""

    numbered = True

    def __init__(self, path: Path) -> None:
        self.path, self.about, self.rows = path, f"text {path.name}", None
        self.encoding, self.errors, self.notes = encoding_of(path)

    def __iter__(self) -> Iterator[list[str]]:
        lines: list[str] = []
        with self.path.open(encoding=self.encoding, errors=self.errors) as opened:
            for line in opened:
                lines.append(line.rstrip("\n"))
                if len(lines) == 4096:
                    yield lines
                    lines = []
        if lines:
            yield lines


class _Anew:
    """An iterable that begins anew each time."""

    def __init__(self, begin: Any) -> None:
        self.begin = begin

    def __iter__(self) -> Iterator[Any]:
        return iter(self.begin())


def encoding_of(path: Path) -> tuple[str, str, tuple[str, ...]]:
    """(encoding, what to do with bytes that do not fit, what to know of it)."""
    with path.open("rb") as opened:
        head = opened.read(4)
        marked = next((encoding for mark, encoding in MARKS if head.startswith(mark)), None)
        if marked:
            return marked, "replace", (f"{path.name} begins with a byte order mark and was read as {marked.removesuffix('-sig')}",)
        opened.seek(0)
        wrong, beyond, first = _not_utf8(opened)
    if not wrong:
        return "utf-8", "strict", ()
    if wrong <= max(1, FEW * beyond) and beyond > 2 * wrong:
        return "utf-8", "replace", (f"{path.name} is UTF-8 but for {wrong:,} byte{'s' if wrong > 1 else ''}, the first in line {first:,}: shown as \ufffd",)
    return "cp1252", "replace", (f"{path.name} is no UTF-8 (line {first:,}): it was read as Windows-1252, the superset of Latin-1; look whether accents are right",)


def _not_utf8(opened: Any) -> tuple[int, int, int]:
    """How many bytes are not UTF-8, how many lie beyond ASCII, and the line of the first that is not."""
    wrong = beyond = 0
    line, first, rest = 1, 0, b""
    while block := opened.read(BLOCK):
        block, start = rest + block, 0
        rest = b""
        beyond += len(block) - len(block.translate(None, bytes(range(128, 256))))
        while start < len(block):
            try:
                block[start:].decode("utf-8") if start else block.decode("utf-8")
                break
            except UnicodeDecodeError as error:
                if start + error.end >= len(block) and "unexpected end" in error.reason:
                    rest = block[start + error.start :]
                    break
                wrong += 1
                first = first or line + block.count(b"\n", 0, start + error.start)
                start += error.start + 1
            if wrong > 1000 and wrong > FEW * beyond:
                return wrong, beyond, first
        line += block.count(b"\n", 0, len(block) - len(rest))
    wrong += bool(rest)
    return wrong, beyond, first or line


def _separator(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, errors="replace") as opened:
        head = opened.readline()
    return max((",", ";", "\t", "|"), key=head.count)


def _parquet(path: Path, targets: tuple[str, ...]) -> Table:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise SetupError("a .parquet file needs pyarrow: pip install 'nbdebug[data]'") from error
    try:
        opened = parquet.ParquetFile(path)
    except Exception as error:
        raise SetupError(f"{path.name} cannot be read as a parquet table: {first_line(error)}") from error
    names = opened.schema_arrow.names
    table = Table(None, targets, slices=_Anew(lambda: parquet.ParquetFile(path).iter_batches(ROWS)), columns=names, about=f"table {path.name} of {len(names):,} columns")
    table.rows = opened.metadata.num_rows
    return table
