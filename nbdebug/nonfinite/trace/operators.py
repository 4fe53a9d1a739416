"""What an operator of torch does with its tensors: which it writes, whether it only moves numbers, and place by place or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

MOVES = frozenset(  # the numbers that come out are numbers that went in, or a number that is written in the call
    "clone copy _to_copy cat stack index index_select gather masked_select embedding roll flip repeat tile constant_pad_nd pad "
    "select_backward slice_backward diagonal_backward index_put _index_put_impl _unsafe_index _unsafe_index_put _unsafe_masked_index "
    "scatter where masked_fill tril triu take slice_scatter select_scatter diagonal_scatter as_strided_scatter "
    "masked_scatter index_fill index_copy fill full full_like new_full scalar_tensor lift lift_fresh pixel_shuffle pixel_unshuffle "
    "channel_shuffle reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d contiguous "
    "permute_copy expand_copy view_copy squeeze_copy unsqueeze_copy transpose_copy t_copy slice_copy select_copy detach_copy "
    "pin_memory _pin_memory resolve_conj resolve_neg _conj_physical set".split()
)
UNREAD = frozenset("copy fill zero uniform normal bernoulli exponential random full set resize".split())  # in place, whatever was there before
POINTWISE = frozenset(["native_dropout", "_fused_dropout", "dropout", "copysign", "rrelu_with_noise", "native_dropout_backward"])
UNWRITTEN = frozenset("empty new_empty empty_like empty_strided new_empty_strided empty_permuted resize resize_as".split())
CREATES = frozenset(["lift_fresh", "lift"])  # a tensor of a number that Python had
SILENT_WRITES = {  # arguments that change although the schema does not say so
    "native_batch_norm": (3, 4), "cudnn_batch_norm": (3, 4), "miopen_batch_norm": (3, 4), "_batch_norm_with_update": (3, 4),
}  # fmt: skip
PLACES = frozenset(["index", "indices", "mask", "condition"])  # arguments that say where; they are no values


@dataclass(frozen=True)
class Given:
    """One tensor among the arguments."""

    name: str  # as the schema calls it
    key: int | str  # the argument's position, or keyword
    at: int | None  # its place in a list of tensors; None when it is the argument itself
    tensor: Tensor


@dataclass(frozen=True)
class Operator:
    """What the schema says of one overload."""

    func: Any
    name: str  # "add", also of "add_" and of "add.out"
    view: bool  # what comes out shares its memory with what went in, unchanged
    moves: bool
    pointwise: bool
    foreach: bool
    seeded: bool  # draws random numbers
    unread: bool  # what it writes to is not read
    unwritten: bool  # what comes out is memory as it was found
    writes: tuple[int | str, ...]  # positions, or keywords, of the arguments that are changed
    names: tuple[str, ...]  # of all arguments, in order
    numbers: frozenset[str]  # arguments that are one number

    def reads_and_writes(self, g: Given) -> bool:
        """Whether an argument is changed, and what it held counts: not of `copy_` and not of `out=`."""
        return g.key in self.writes and not self.unread and not isinstance(g.key, str)


@lru_cache(maxsize=4096)
def operator(func: Any) -> Operator:
    """Reads the schema, once for each overload."""
    schema = func._schema
    name = schema.name.split("::")[-1]
    base = name.rstrip("_") if not name.startswith("__") else name
    arguments = schema.arguments
    changed = [a.name if a.kwarg_only else i for i, a in enumerate(arguments) if a.alias_info is not None and a.alias_info.is_write]
    foreach = base.startswith("_foreach")
    return Operator(
        func=func, name=base, view=bool(func.is_view), moves=base in MOVES,
        pointwise=torch.Tag.pointwise in func.tags or base in POINTWISE or _functional_is_pointwise(base),
        foreach=foreach, seeded=torch.Tag.nondeterministic_seeded in func.tags, unread=base in UNREAD and name != base,
        unwritten=base in UNWRITTEN, writes=(*changed, *SILENT_WRITES.get(base, ())), names=tuple(a.name for a in arguments),
        numbers=frozenset(a.name for a in arguments if str(a.type) in ("number", "Optional[number]", "Scalar", "Scalar?", "float")),
    )  # fmt: skip


def _functional_is_pointwise(name: str) -> bool:
    packet = getattr(torch.ops.aten, name, None)
    return packet is not None and any(torch.Tag.pointwise in getattr(packet, o).tags for o in packet.overloads())


def given(op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Given]:
    """The tensors among the arguments, in order."""
    found: list[Given] = []
    for position, value in enumerate(args):
        found.extend(_in_argument(op.names[position] if position < len(op.names) else "", position, value))
    for name, value in kwargs.items():
        found.extend(_in_argument(name, name, value))
    return found


def _in_argument(name: str, key: int | str, value: Any) -> Iterator[Given]:
    if isinstance(value, Tensor):
        yield Given(name, key, None, value)
    elif isinstance(value, (list, tuple)):
        for at, item in enumerate(value):
            if isinstance(item, Tensor):
                yield Given(name, key, at, item)


def replaced(
    args: tuple[Any, ...], kwargs: dict[str, Any], new: dict[tuple[int | str, int | None], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with some tensors exchanged; `new` goes by (key, place in the list)."""

    def one(key: int | str, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(new.get((key, at), item) for at, item in enumerate(value)) if type(value) in (list, tuple) else value
        return new.get((key, None), value)

    return tuple(one(i, v) for i, v in enumerate(args)), {k: one(k, v) for k, v in kwargs.items()}


def outputs(out: Any) -> list[Tensor]:
    """The tensors that came out."""
    if isinstance(out, Tensor):
        return [out]
    return [t for item in out for t in outputs(item)] if isinstance(out, (list, tuple)) else []
