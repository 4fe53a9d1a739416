"""Does an autoregressive model see what it is to predict? Its later inputs are exchanged; earlier outputs must not move."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.errors import NbdebugError
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Future
from nbdebug.instruments.first_step.shifted import Alignment, alignment
from nbdebug.listening import RESHAPING, Call, Tape
from nbdebug.loss_call import raw_loss_calls
from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup

LATER = 0.5  # of the positions that count in the loss lie before the exchanged ones
LENGTHENS = frozenset(["pad", "cat", "concat", "conv1d", "conv2d", "conv_transpose1d"])  # a longer series is judged when it is cut again
MASKS = frozenset(["masked_fill", "masked_fill_", "add", "__add__", "__iadd__", "add_", "where"])
ROUNDING = {torch.float16: 2e-2, torch.bfloat16: 2e-2}  # of other dtypes 1e-5, relative to the largest output


def future(setup: TrainingSetup, batch: Any, tape: Tape) -> Future:
    """Finds how targets lie in the inputs, and where they are shifted or equal, exchanges the later inputs."""
    root = tape.root
    if root is None or not root.returned:
        return Future("the step never calls the model itself, only parts of it")
    aligned = alignment(tape, root)
    if aligned is None:
        return Future("the targets are not the inputs one step on, so nothing is predicted from what came before")
    place = raw_loss_calls(tape)[aligned.call].location
    counting = aligned.positions[aligned.valid].unique()
    position = int(counting[int(len(counting) * LATER)])
    if position == 0 or not len(counting):
        return Future("the loss counts a single position", aligned.shift, aligned.compared)
    modes = {module: module.training for module in setup.model.modules()}
    setup.model.eval()
    try:
        unchanged, earlier, later = slice(0, 0), slice(0, position), slice(position, None)
        (first, plain), (_, again), (second, other), (_, without) = (
            _run(setup, batch, aligned, exchanged) for exchanged in (unchanged, unchanged, later, earlier)
        )
    except (NbdebugError, RuntimeError, IndexError, ValueError) as error:
        return Future(f"the step raises with other inputs: {error}", aligned.shift, aligned.compared)
    finally:
        for module, training in modes.items():
            module.training = training
    if not plain.shape == again.shape == other.shape == without.shape or bool(_moved(plain, again).any()):
        return Future("the model gives two answers to the same input in eval mode", aligned.shift, aligned.compared)
    found = _judged(aligned, position, plain, other, without)
    begins = _where_it_leaks(first, second, aligned, position) if found.leak else None
    mask = _mask_before(first, begins) if begins is not None else None
    return replace(found, loss_at=place, operator=begins.name if begins else "", location=(mask or begins).location if begins else Location(), masked=mask is not None)


def _judged(aligned: Alignment, position: int, plain: Tensor, other: Tensor, without: Tensor) -> Future:
    """What moved when the later inputs were exchanged (`other`), and when the earlier ones were (`without`)."""
    moved, carried = _moved(plain, other), _moved(plain, without)
    size = (plain.double() - other.double()).abs().nan_to_num()
    if aligned.class_dim is not None:
        moved, carried, size = moved.any(aligned.class_dim), carried.any(aligned.class_dim), size.amax(aligned.class_dim)
    early = aligned.valid & (aligned.positions < position)
    late = aligned.valid & (aligned.positions >= position)
    leaks = bool((moved & early).any())
    return Future(
        "" if bool((moved & late).any()) else "no output moves with the inputs of its own position",
        aligned.shift,
        aligned.compared,
        position,
        bool((carried & late).any()),
        bool((moved & aligned.valid & (aligned.positions == position)).any()),
        aligned.padded,
        float(size[early].max() / size[late].max().clamp_min(1e-30)) if leaks else 0.0,
        int(aligned.positions[moved & early].unique().numel()),
        int(aligned.positions[early].unique().numel()),
    )


# -- running it -------------------------------------------------------------------------------------------------


def _run(setup: TrainingSetup, batch: Any, aligned: Alignment, exchanged: slice) -> tuple[Tape, Tensor]:
    """A pass whose model gets other inputs at these positions, and the predictions that reach the loss."""
    with _exchanged(setup, aligned, exchanged), torch.no_grad():
        seed_torch(0)
        with Tape(setup.model) as tape:
            setup.loss(batch)
    return tape, raw_loss_calls(tape)[aligned.call].argument(0, "input").detach()


@contextlib.contextmanager
def _exchanged(setup: TrainingSetup, aligned: Alignment, exchanged: slice) -> Iterator[None]:
    """The model's own input, wherever it stands among the arguments, is another one at these positions."""

    def change(tensor: Tensor) -> Tensor:
        same = tensor.shape == aligned.source.shape and tensor.dtype == aligned.source.dtype and torch.equal(tensor, aligned.source)
        return _other(tensor, aligned.time, exchanged) if same else tensor

    def exchange(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        with torch._C.DisableTorchFunction():  # what is done here is none of the model's
            named = {name: item if name in batches.TARGET_NAMES else batches.map_tensors(change, item) for name, item in kwargs.items()}
            return tuple(batches.map_tensors(change, item) for item in args), named

    hook = setup.model.register_forward_pre_hook(exchange, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def _other(source: Tensor, time: int, exchanged: slice) -> Tensor:
    """The same but for some positions: every token is another one of this batch there, every quantity has noise."""
    changed = source.clone()
    part = changed.movedim(time, 0)[exchanged]
    if not part.numel():
        return changed
    if source.ndim == 3 and bool(((source == 0) | (source == 1)).all()):
        part.copy_(part.roll(1, -1))  # one-hot tokens
    elif source.is_floating_point():
        generator = torch.Generator().manual_seed(0)
        part += source.std().nan_to_num(1.0) * torch.randn(part.shape, generator=generator).to(part)
    else:
        known, index = source.unique(return_inverse=True)
        part.copy_(known.roll(-1)[index].movedim(time, 0)[exchanged])
    return changed


# -- judging two runs -------------------------------------------------------------------------------------------


def _moved(left: Tensor, right: Tensor) -> Tensor:
    """Where two tensors of one shape differ by more than rounding."""
    if not left.is_floating_point():
        return left != right
    rounding = ROUNDING.get(left.dtype, 1e-5)
    unlike = left.isfinite() != right.isfinite()
    left, right = left.double().nan_to_num(0, 0, 0), right.double().nan_to_num(0, 0, 0)
    return ((left - right).abs() > rounding * left.abs().amax()) | unlike


def _where_it_leaks(first: Tape, second: Tape, aligned: Alignment, position: int) -> Call | None:
    """The first call on the way to the predictions that carries a change from late positions to early ones."""
    if [call.name for call in first.calls] != [call.name for call in second.calls]:
        return None
    predictions = raw_loss_calls(first)[aligned.call].argument(0, "input")
    on_the_way, length = first.ancestors(predictions), aligned.source.shape[aligned.time]
    leaking: set[int] = set()
    for before, after in zip(first.calls, second.calls, strict=True):
        pairs = list(zip(before.outputs(), after.outputs(), strict=False))
        sizes = {size for left, _ in pairs for size in left.shape}
        longer = before.name in LENGTHENS and length not in sizes and any(length < size < 2 * length for size in sizes)
        if longer or all(_stays_late(left, right, length, position) for left, right in pairs if left.numel()):
            continue
        leaking.add(before.index)
        if before.index in on_the_way and not leaking.intersection(before.parents):
            return before
    return None


def _mask_before(tape: Tape, begins: Call) -> Call | None:
    """The call that puts a mask on the scores of this softmax: it is there, and hides too little."""
    if begins.name != "softmax":
        return None
    call = tape.before(begins)
    while call is not None and call.module == begins.module:
        if call.name in MASKS and any(t.shape != call.outputs()[0].shape and t.numel() > 1 for t in call.inputs()):
            return call
        if call.name not in (*RESHAPING, "div", "mul", "__truediv__", "__mul__", "dropout"):
            return None
        call = tape.before(call)
    return None


def _stays_late(left: Tensor, right: Tensor, length: int, position: int) -> bool:
    """Whether, along the dimensions that can be time, nothing moved that is earlier than `position` in all of them.

    Scores of queries and keys have two such dimensions: a later key may move its own column.
    """
    if left.shape != right.shape or left.is_complex() or left.layout != torch.strided:
        return True  # not to be told
    moved = _moved(left, right)
    if not bool(moved.any()):
        return True
    steps = [cut for cut in (length, length - 1) if cut > position]  # a model that shifts by itself drops a position
    times = [(dim, cut) for dim, size in enumerate(left.shape) for cut in steps if size and size % cut == 0]
    if any(not bool(early.any()) for dim, cut in times for early in _early(moved, dim, cut, position)):
        return True
    square = [dim for dim, cut in times if left.shape[dim] == cut]
    for dim in square:
        moved = moved.narrow(dim, 0, position)
    return len(square) > 1 and not bool(moved.any())


def _early(moved: Tensor, dim: int, cut: int, position: int) -> tuple[Tensor, Tensor]:
    """What lies before `position` when time is the inner, and when it is the outer part of a dimension."""
    rows, times = moved.movedim(dim, 0), moved.shape[dim] // cut
    return rows.reshape(times, cut, -1)[:, :position], rows.reshape(cut, times, -1)[:position]
