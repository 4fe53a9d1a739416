"""Curves out of text files: CSV with holes, JSON, and JSON line by line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbdebug.errors import SetupError, first_line
from nbdebug.instruments.fit.reading.columns import Columns, columns_of
from nbdebug.instruments.fit.reading.table import read_lists, read_rows

DECIMAL_COMMA = re.compile(r"^([+-]?\d+),(\d+(?:[eE][+-]?\d+)?)$")  # what a spreadsheet writes in half of Europe, between semicolons

def read_csv(path: Path) -> Columns:
    """A table with names in its first line; an empty cell is a hole, "nan" a value."""
    with _opened(path) as file:
        start = file.read(4096)
        file.seek(0)
        first = start.partition("\n")[0]
        separator = max(",;\t", key=first.count)
        try:
            rows = [row for row in csv.reader(file, delimiter=separator) if any(cell.strip() for cell in row)]
        except (csv.Error, UnicodeDecodeError) as error:
            raise SetupError(f"{path.name} cannot be read as CSV: {first_line(error)}") from None
    if not rows:
        raise SetupError(f"{path.name} is empty")
    names, *cells = rows
    if separator != ",":
        cells = [[DECIMAL_COMMA.sub(r"\1.\2", cell.strip()) for cell in row] for row in cells]
    names = [name.strip().strip("#").strip() or "index" for name in names]
    if all(_is_number(name) for name in names):
        raise SetupError(f"the first line of {path.name} has no names but numbers: write one such as step,loss,val_loss")
    columns = {name: [row[i].strip() if i < len(row) and row[i].strip() else None for row in cells] for i, name in enumerate(names)}
    return columns_of(columns, f"{path.name}, {len(cells)} row{'s' * (len(cells) != 1)}")


def read_json(source: Path | Mapping[str, Any], about: str) -> Columns:
    """A dict of lists, a list of dicts, one dict a line, or the state that transformers' Trainer writes."""
    data = _parsed(source) if isinstance(source, Path) else source
    if isinstance(data, Mapping) and isinstance(data.get("log_history"), list):
        return read_rows(data["log_history"], f"log_history in {about}")
    if isinstance(data, Mapping) and isinstance(data.get("history"), Mapping):
        return read_lists(data["history"], about)
    if isinstance(data, Mapping):
        return read_lists(data, about)
    if isinstance(data, list):
        return read_rows(data, about)
    raise SetupError(f"{about} holds {type(data).__name__}, and no curves: a dict of lists, a list of dicts, or one dict a line is read")


def _parsed(path: Path) -> Any:
    with _opened(path) as file:
        text = file.read()
    if not text.strip():
        raise SetupError(f"{path.name} is empty")
    try:
        return json.loads(text)
    except ValueError as whole:
        try:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise SetupError(f"{path.name} cannot be read as JSON: {first_line(whole)}") from None
        return rows


def _opened(path: Path) -> Any:
    try:
        return path.open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise SetupError(f"{path} cannot be opened: {error.strerror}") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
