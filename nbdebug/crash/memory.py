"""Out of memory: what holds it, by module and by variable, and what would fit."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.batch import map_tensors, tensors
from nbdebug.crash.result import MemoryRow, Mend
from nbdebug.crash.scene import Running, Scene
from nbdebug.listening import Tape
from nbdebug.source_lines import is_users

MIB = 2**20
LARGEST = 8  # rows a table
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "bytes": 1}
WORDS = ("out of memory", "can't allocate memory", "not enough memory")
ASKED = re.compile(r"Tried to allocate ([\d.]+) (\w+)|you tried to allocate (\d+) (bytes)")
TOO_LARGE = "look at the sizes in this line: the request itself is too large"
CAPACITY = re.compile(r"total capacity of ([\d.]+) (\w+)")


def is_out_of_memory(error: BaseException) -> bool:
    """torch's own class, or the words of the CPU's allocator."""
    return isinstance(error, torch.OutOfMemoryError) or (isinstance(error, RuntimeError) and any(w in str(error) for w in WORDS))


def spent(scene: Scene) -> tuple[tuple[MemoryRow, ...], str, tuple[Mend, ...]]:
    """Rows of what holds memory, a sentence, and what to do about it."""
    models, optimizers, variables = _held(scene)
    rows = [row for name, model in models.items() for row in _of_model(name, model)]
    rows += [_of_optimizer(name, optimizer) for name, optimizer in optimizers.items()]
    activations = _activations(scene.outermost) if scene.outermost is not None else None
    if activations:
        rows.append(MemoryRow("one forward pass of this batch", "activations", activations / MIB))
    rows += [MemoryRow(name, f"tensor {tuple(t.shape)}", t.nbytes / MIB) for name, t in _largest(variables, models)]
    asked = _size(ASKED, scene.message)
    why = _sentence(rows, asked)
    proposed = tuple(_mends(scene, variables, models, asked, activations))
    too_large = next((mend.why for mend in proposed if mend.what == TOO_LARGE), "")
    return tuple(r for r in rows if r.mebibytes >= 0.01), too_large or why, proposed


def _held(scene: Scene) -> tuple[dict[str, nn.Module], dict[str, Optimizer], dict[str, Tensor]]:
    """Models, optimizers and tensors by the names that the user's frames give them; each thing once."""
    models: dict[str, nn.Module] = {}
    optimizers: dict[str, Optimizer] = {}
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for stop in scene.stops:
        if not is_users(stop.frame.f_code):
            continue
        for name, value in {**scene.variables(stop), **(stop.frame.f_globals if stop.frame.f_locals is stop.frame.f_globals else {})}.items():
            if name.startswith("_") or id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, nn.Module):
                models.setdefault(name, value)
            elif isinstance(value, Optimizer):
                optimizers.setdefault(name, value)
            elif isinstance(value, (Tensor, list, tuple, dict)):
                found.update({name + place: t for place, t in _few(value)})
    if not models and scene.outermost is not None:
        models[type(scene.outermost.module).__name__] = scene.outermost.module
    inner = {id(m) for model in models.values() for m in model.modules() if m is not model}
    return {n: m for n, m in models.items() if id(m) not in inner}, optimizers, found


def _few(value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, (list, tuple)) and len(value) > 64:  # losses that were kept, most likely: named as one
        kept = [item for item in value if isinstance(item, Tensor)]
        yield from (("[…]", max(kept, key=lambda t: t.nbytes)),) if kept else ()
        return
    yield from tensors(value)


def _of_model(name: str, model: nn.Module) -> Iterator[MemoryRow]:
    """Parameters, gradients and buffers, by the model's own children."""
    parts = list(model.named_children()) or [("", model)]
    for path, part in parts:
        holder = f"{name}.{path}" if path else name
        held = list(part.parameters())
        yield MemoryRow(holder, "parameters", sum(p.nbytes for p in held) / MIB)
        yield MemoryRow(holder, "gradients", sum(p.grad.nbytes for p in held if p.grad is not None) / MIB)
        yield MemoryRow(holder, "buffers", sum(b.nbytes for b in part.buffers()) / MIB)


def _of_optimizer(name: str, optimizer: Optimizer) -> MemoryRow:
    state = [t for values in optimizer.state.values() for _, t in tensors(dict(values))]
    return MemoryRow(f"{name} ({type(optimizer).__name__})", "optimizer state", sum(t.nbytes for t in state) / MIB)


def _activations(running: Running) -> float | None:
    """Bytes of what one forward pass makes, with every tensor on the meta device: its shapes, and no memory."""
    model = getattr(running.module, "_orig_mod", running.module)
    state = {n: torch.empty_like(t, device="meta") for n, t in (*model.named_parameters(), *model.named_buffers())}
    try:
        args, kwargs = map_tensors(lambda t: torch.empty_like(t, device="meta"), (running.args, running.kwargs))
        with torch.random.fork_rng(devices=[]), Tape(model) as tape:
            torch.func.functional_call(model, state, args, kwargs)
    except Exception:  # it asks for values, which the meta device has none of
        return None
    made = {id(t): t for call in tape.calls for t in call.outputs() if t._base is None}
    return float(sum(t.nbytes for t in made.values()))


def _largest(variables: dict[str, Tensor], models: dict[str, nn.Module]) -> list[tuple[str, Tensor]]:
    """The largest tensors by the variable that holds them, views and parameters left out."""
    weights = {p.data_ptr() for model in models.values() for p in model.parameters()}
    seen: set[int] = set()
    found = []
    for name, tensor in sorted(variables.items(), key=lambda pair: -pair[1].nbytes):
        place = tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided and not tensor.is_meta else id(tensor)
        if place not in seen and place not in weights:
            seen.add(place)
            found.append((name, tensor))
    return found[:LARGEST]


def _size(pattern: re.Pattern[str], message: str) -> float | None:
    matched = pattern.search(message)
    if matched is None:
        return None
    number, unit = [group for group in matched.groups() if group]
    return float(number) * UNITS.get(unit, 1)


def _sentence(rows: list[MemoryRow], asked: float | None) -> str:
    wanted = f"{said_bytes(asked)} more were asked for" if asked else "more memory was asked for than there is"
    largest = max(rows, key=lambda r: r.mebibytes, default=None)
    if largest is None or largest.mebibytes < 0.01:
        return wanted
    what = f"{largest.holder}, a {largest.kind}" if largest.kind.startswith("tensor") else f"the {largest.kind} of {largest.holder}"
    return f"{wanted}; the most is held by {what}: {said_bytes(largest.mebibytes * MIB)}"


def said_bytes(number: float) -> str:
    """`1.5 GiB`, `20 MiB`, `3 KiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if number >= UNITS[unit]:
            many = number / UNITS[unit]
            return f"{many:.0f} {unit}" if many >= 999.5 else f"{many:.3g} {unit}"
    return f"{number:.0f} bytes"


def _mends(
    scene: Scene, variables: dict[str, Tensor], models: dict[str, nn.Module], asked: float | None, activations: float | None
) -> Iterator[Mend]:
    there = _size(CAPACITY, scene.message) or _memory()
    if asked and there and asked > there:
        why = f"one tensor of {said_bytes(asked)} was asked for, and all memory is {said_bytes(there)}: nothing that could be freed makes room for it"
        yield Mend(TOO_LARGE, "", why, "not tried: what was meant is not known")
        return
    size = _batch_size(scene.outermost)
    fits = _fitting(size, _size(CAPACITY, scene.message), models, activations)
    if size is not None and size > 1:
        wanted = fits or max(1, size // 2)
        share = f"the batch holds {size} samples, and activations grow with them"
        yield Mend(f"a batch of {wanted} instead of {size}", f"batch_size={wanted}", share, "not tried: it would take the memory again")
    graphs = [name for name, t in variables.items() if t.grad_fn is not None and t.numel() == 1]
    if graphs:
        why = f"{graphs[0]} still holds the graph of its step"
        yield Mend("keep numbers, not tensors with their graph", f"{graphs[0].partition('[')[0]}: keep loss.item()", why, "not tried: it concerns earlier steps")
    large = [(n, t) for n, t in _largest(variables, models) if asked is None or t.nbytes >= 0.25 * asked][:3]
    if large:
        names = ", ".join(name.partition("[")[0] for name, _ in large)
        why = f"{large[0][0]} alone holds {said_bytes(large[0][1].nbytes)}"
        yield Mend("free what is not needed any more", f"del {names}", why, "not tried: the variables are yours")
    if scene.outermost is None:
        yield Mend("look at the sizes in this line", "", "no model was running", "not tried: what was meant is not known")


def _memory() -> float | None:
    """Bytes of this machine, where it tells."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return None


def _batch_size(running: Running | None) -> int | None:
    first = next((t for _, t in tensors((running.args, running.kwargs)) if t.ndim > 1), None) if running is not None else None
    return first.shape[0] if first is not None else None


def _fitting(size: int | None, capacity: float | None, models: dict[str, nn.Module], activations: float | None) -> int | None:
    """The batch that would fit by proportion: what is left beside weights, gradients and Adam's state, over what a sample takes."""
    if not size or not capacity or not activations:
        return None
    fixed = sum(4 * p.nbytes for model in models.values() for p in model.parameters())
    samples = int((capacity - fixed) / (2 * activations / size))  # forward and backward
    return 2 ** int(math.log2(samples)) if 1 <= samples < size else None  # else the estimate misses something
