"""Imports point down the road only: nobody further down knows anybody further up, and siblings do not know each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "nbdebug"
LAYERS = (  # top to bottom; rooms of one layer do not import each other
    {"replay", "replaying"},
    {"notebook"},
    {"training"},
    {"levels"},
    {"checkup", "catalogue"},
    {"instruments"},
    {"data"},
    {"stepping", "coming_rates"},
    {"nonfinite", "crash", "causes", "loss_call", "counterfactual", "unmasked", "magnitudes", "depth", "curve_shapes", "step_cost", "unheeded"},
    {"taps", "guard", "untouched", "listening", "tensor_stats", "render"},
    {"training_setup"},
    {"loading"},
    {"batch", "page"},
    {"lines"},
    {"findings", "source_lines", "plain", "seeding"},
    {"errors"},
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
SHARED = {"base", "of_data", "placing", "report", "__init__"}  # of the instruments: what all of them stand on, and the list of them
FILES = sorted(PACKAGE.rglob("*.py"))


def room(parts: tuple[str, ...]) -> str:
    """The room of a module's dotted parts, which begin with nbdebug; the package itself has none."""
    return parts[1] if len(parts) > 1 else ""


def dotted(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports(source: str, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The dotted parts of every module that a source imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = start + tuple((node.module or "").split(".") if node.module else ())
            yield from (base + (alias.name,) for alias in node.names)


def package_of(path: Path) -> tuple[str, ...]:
    return dotted(path) if path.name == "__init__.py" else dotted(path)[:-1]


def trespasses(path: Path, source: str) -> list[str]:
    """The imports of a source that point up, or sideways."""
    here = room(dotted(path))
    found = []
    for target in imports(source, package_of(path)):
        there = room(target)
        if target[0] != "nbdebug" or there not in RANK or there == here or not here:
            continue
        if RANK[there] <= RANK[here]:
            found.append(".".join(target))
    return found


def neighbours(path: Path, source: str) -> list[str]:
    """The imports of one instrument from another."""
    mine = dotted(path)[2]
    targets = (t for t in imports(source, package_of(path)) if t[:2] == ("nbdebug", "instruments") and len(t) > 2)
    others = {p.stem if p.suffix else p.name for p in (PACKAGE / "instruments").iterdir()} - SHARED - {mine}
    return [".".join(target) for target in targets if target[2] in others]


def test_every_module_has_its_layer() -> None:
    rooms = {room(dotted(path)) for path in FILES} - {""}
    assert rooms <= set(RANK), "give the new room a layer here, and in ARCHITECTURE.md"


def test_imports_point_down() -> None:
    assert {str(path): found for path in FILES if (found := trespasses(path, path.read_text(encoding="utf-8")))} == {}


def test_instruments_do_not_know_each_other() -> None:
    parts = [path for path in FILES if dotted(path)[1:2] == ("instruments",) and len(dotted(path)) > 2 and dotted(path)[2] not in SHARED]
    assert len(parts) > 100
    assert {str(path): found for path in parts if (found := neighbours(path, path.read_text(encoding="utf-8")))} == {}


def test_rendering_knows_no_torch() -> None:
    for path in (PACKAGE / "render").rglob("*.py"):
        assert "torch" not in {target[0] for target in imports(path.read_text(encoding="utf-8"), package_of(path))}


@pytest.mark.parametrize(
    "module, source, expected",
    [
        ("page.py", "from nbdebug.render import html", ["nbdebug.render.html"]),
        ("render/html.py", "def f():\n    import nbdebug.checkup", ["nbdebug.checkup"]),
        ("batch.py", "from nbdebug import page", ["nbdebug.page"]),
        ("render/html.py", "from ..untouched import Proof", ["nbdebug.untouched.Proof"]),
        ("render/html.py", "from . import svg\nfrom nbdebug.page import Page", []),
    ],
)
def test_a_trespass_is_seen(module: str, source: str, expected: list[str]) -> None:
    assert trespasses(PACKAGE / module, source) == expected
