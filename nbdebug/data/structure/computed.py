"""Integers that wrapped round in the text of the training, long before there was a loader to listen to: where the operands are still held, they are computed again in 64 bits.

Looked at and computed, never changed; only plain arithmetic, casts and views are, of what the script or notebook holds under a name.
"""

from __future__ import annotations

import ast
import operator
import sys
import types
import warnings
from dataclasses import dataclass
from typing import Any

import numpy
import torch

from nbdebug.lines.reaching import Names, Reaching, reaching
from nbdebug.source_lines import SourceLine

LARGEST = 4_000_000  # numbers of an operand
BITS = 32  # at most
SHARE, FEWEST = 1e-3, 2  # of the results that wrapped
ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Pow: operator.pow}
OPERATIONS = {**ARITHMETIC, ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv}
SUMS = ("cumsum", "sum", "prod", "cumprod", "diff", "square", "add", "subtract", "multiply", "power", "mul", "sub", "pow", "dot", "matmul", "negative", "neg")
CASTS = ("astype", "to", "type", "byte", "char", "short", "int", "int8", "uint8", "int16", "uint16", "int32", "uint32", "array", "asarray", "tensor", "as_tensor")
VIEWS = ("reshape", "view", "flatten", "ravel", "unsqueeze", "squeeze", "permute", "transpose", "numpy", "to_numpy", "copy", "clone", "cpu", "detach", "contiguous", "from_numpy")
ROUNDED = ("round", "clip", "clamp", "floor", "ceil", "rint", "abs", "mean", "min", "max", "float", "double", "long", "half", "float32", "float64", "int64")
WORDS = ("dtype", "axis", "dim", "a_min", "a_max", "min", "max", "decimals", "n", "keepdims", "keepdim", "copy")  # arguments by name
KNOWN = {*SUMS, *CASTS, *VIEWS, *ROUNDED}


class _Unknown(Exception):
    """What stands there is not known, or not to be computed."""


@dataclass(frozen=True)
class ComputedWrap:
    """Arithmetic, or a cast, of the text that wrapped round."""

    line: SourceLine
    function: str  # that it stands in
    text: str  # of the expression
    cast: bool
    dtype: str
    example: str
    share: float  # of the results
    reaches: str  # the loader that its result goes into


def computed_wraps(loaders: tuple[Any, ...]) -> tuple[ComputedWrap, ...]:
    """Of the script or notebook, those whose results go into a loader."""
    space = vars(sys.modules["__main__"])
    wanted = {id(part) for loader in loaders if loader is not None for part in (loader, getattr(loader, "dataset", None)) if part is not None}
    found: dict[tuple[Any, ...], ComputedWrap] = {}
    with warnings.catch_warnings(), numpy.errstate(all="ignore"), torch.no_grad():
        warnings.simplefilter("ignore")
        for one in reaching(_may_wrap):
            goal = next((name for name in sorted(one.reaches) if id(space.get(name)) in wanted), "")
            key = (one.line.file, one.line.cell, one.line.line)
            if goal and key not in found and (wrap := _wrapped(one, space, goal)) is not None:
                found[key] = wrap
    return tuple(found.values())


def _may_wrap(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return type(node.op) in ARITHMETIC
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in (*SUMS, *CASTS)


def _wrapped(one: Reaching, space: dict[str, Any], goal: str) -> ComputedWrap | None:
    held = {name: value for name, value in space.items() if name not in one.lost}
    try:
        narrow, wide, cast = _both(one.node, one.names, held)
    except Exception:  # unknown, or it raises as it stands
        return None
    if narrow.dtype.kind not in "iu" or narrow.dtype.itemsize * 8 > BITS or narrow.shape != wide.shape:
        return None
    known = numpy.isfinite(wide)
    limits = numpy.iinfo(narrow.dtype)
    outside = known & ((wide <= limits.min - 1) | (wide >= limits.max + 1))
    if outside.sum() < FEWEST or outside.mean() < SHARE or set(numpy.unique(wide[outside])[:2].tolist()) == {-1}:  # -1 alone is a mark
        return None
    first = numpy.unravel_index(int(outside.argmax()), outside.shape)
    example = f"{_said(wide[first])} became {_said(narrow[first])}"
    return ComputedWrap(one.line, one.function, ast.unparse(one.node), cast, str(narrow.dtype), example, float(outside.mean()), goal)


def _said(number: Any) -> str:
    return f"{int(number):,}" if float(number).is_integer() else f"{float(number):.6g}"


def _both(node: ast.expr, names: Names, held: dict[str, Any]) -> tuple[numpy.ndarray, numpy.ndarray, bool]:
    """What it gives, what it would give in 64 bits, and whether it is a cast."""
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, names, held), _value(node.right, names, held)
        operation = ARITHMETIC[type(node.op)]
        return _array(operation(left, right)), _array(operation(_wide(left), _wide(right))), False
    narrow = _value(node, names, held)
    asked = node.func.value
    of_module = isinstance(_or_none(asked, names, held), types.ModuleType)
    inputs = [_value(part, names, held) for part in (node.args if of_module else [asked, *node.args])]
    if node.func.attr in CASTS:
        source = _array(inputs[0])
        if source.dtype.kind in "iu" and source.dtype.itemsize <= _array(narrow).dtype.itemsize:  # the bytes read with a sign, or without
            raise _Unknown
        return _array(narrow), source, True
    words = {word.arg: _value(word.value, names, held) for word in node.keywords if word.arg and word.arg != "dtype"}
    inputs = [_wide(part) if isinstance(part, (numpy.ndarray, torch.Tensor, numpy.generic)) else part for part in inputs if not isinstance(part, (torch.dtype, type, numpy.dtype))]
    function = getattr(_value(asked, names, held), node.func.attr) if of_module else getattr(inputs.pop(0), node.func.attr)
    return _array(narrow), _array(function(*inputs, **words)), False


def _or_none(node: ast.expr, names: Names, held: dict[str, Any]) -> Any:
    try:
        return _value(node, names, held)
    except _Unknown:
        return None


def _array(value: Any) -> numpy.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else numpy.asarray(value)


def _wide(value: Any) -> Any:
    """The same numbers in 64 bits."""
    if isinstance(value, torch.Tensor):
        return value if value.is_floating_point() else value.to(torch.int64)
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return value.astype(numpy.int64) if value.dtype.kind in "iub" else value
    return value


def _value(node: ast.expr, names: Names, held: dict[str, Any]) -> Any:
    """What an expression stands for.

    Raises:
        _Unknown: it holds something else by now, or would have to be called.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id in names:
            return _value(*names[node.id], held)
        return _plain(held.get(node.id))
    if isinstance(node, (ast.Tuple, ast.List)):
        return [_value(part, names, held) for part in node.elts]
    if isinstance(node, ast.Slice):
        return slice(*(None if part is None else _value(part, names, held) for part in (node.lower, node.upper, node.step)))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, names, held)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        return OPERATIONS[type(node.op)](_value(node.left, names, held), _value(node.right, names, held))
    if isinstance(node, ast.Subscript):
        return _part(_value(node.value, names, held), _value(node.slice, names, held))
    if isinstance(node, ast.Attribute):
        return _attribute(_value(node.value, names, held), node.attr)
    if isinstance(node, ast.Call):
        return _called(node, names, held)
    raise _Unknown


def _plain(value: Any) -> Any:
    """What may be computed with; a column of a table as an array."""
    of_table = type(value).__module__.partition(".")[0] in ("pandas", "polars")  # an object of the user's own is not asked for anything
    if type(value) in (int, float, str, bool, numpy.dtype, torch.dtype) or isinstance(value, (numpy.generic, types.ModuleType, dict)) or of_table and hasattr(value, "columns"):
        if isinstance(value, types.ModuleType) and value.__name__ not in ("numpy", "torch"):
            raise _Unknown
        return value
    if of_table and hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if type(value) is list and value and all(isinstance(part, (numpy.ndarray, torch.Tensor)) and part.shape == value[0].shape for part in value) and len(value) * numpy.asarray(value[0]).size <= LARGEST:
        value = numpy.stack([numpy.asarray(part) for part in value])
    if isinstance(value, (numpy.ndarray, torch.Tensor)) and (value.size if isinstance(value, numpy.ndarray) else value.numel()) <= LARGEST:
        return value
    raise _Unknown


def _part(value: Any, key: Any) -> Any:
    if isinstance(value, types.ModuleType) or isinstance(value, dict) and key not in value:  # a defaultdict would make it
        raise _Unknown
    return _plain(value[tuple(key) if isinstance(key, list) and all(isinstance(part, slice) for part in key) else key])


def _attribute(value: Any, name: str) -> Any:
    if isinstance(value, types.ModuleType):
        found = getattr(value, name)
        if isinstance(found, torch.dtype) or isinstance(found, type) and issubclass(found, numpy.generic):
            return found
        raise _Unknown
    if hasattr(value, "columns"):
        if name in value.columns:
            return _plain(value[name])
        raise _Unknown
    if isinstance(value, dict) and name in value:
        return _plain(value[name])
    if isinstance(value, (numpy.ndarray, torch.Tensor)) and name in ("T", "values", "data"):
        return value.T if name == "T" else value
    raise _Unknown


def _called(node: ast.Call, names: Names, held: dict[str, Any]) -> Any:
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in KNOWN:
        raise _Unknown
    of = _value(node.func.value, names, held)
    if not isinstance(of, (numpy.ndarray, numpy.generic, torch.Tensor, types.ModuleType)):
        raise _Unknown
    name = {"to_numpy": "copy"}.get(node.func.attr, node.func.attr) if isinstance(of, numpy.ndarray) else node.func.attr
    given = [_value(part, names, held) for part in node.args]
    if any(word.arg not in WORDS for word in node.keywords) or name == "to" and not all(isinstance(part, torch.dtype) for part in given):  # nothing is written anywhere, nor moved to another device
        raise _Unknown
    return getattr(of, name)(*given, **{word.arg: _value(word.value, names, held) for word in node.keywords if word.arg})
