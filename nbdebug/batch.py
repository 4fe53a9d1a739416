"""What a batch looks like: tensors inside tuples, lists, dicts, named tuples, dataclasses, BatchEncodings.

Anything that is not a tensor passes through untouched.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from nbdebug.errors import BatchError

TARGET_NAMES = ("labels", "label", "targets", "target", "y", "label_ids", "ys")
COMPANY = ("mask", "id", "ids", "idx", "index", "indices", "length", "lengths", "len", "lens", "weight", "weights", "offsets", "group", "groups")  # words in names of what is no target
OUTPUT_NAMES = ("logits", "prediction", "predictions", "preds", "output", "outputs", "out", "last_hidden_state")


@dataclass(frozen=True)
class ModelCall:
    """How a batch is given to the model: `model(*args, **kwargs)`, and what its output is compared with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    targets: Any


def map_tensors(change: Callable[[Tensor], Any], batch: Any) -> Any:
    """The same structure with `change` applied to every tensor in it."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, PackedSequence):  # a namedtuple, but its batch_sizes must stay on the CPU
        return batch._replace(data=change(batch.data))
    return _rebuild(lambda item: map_tensors(change, item), batch)


def own_copy(batch: Any) -> Any:
    """A copy to give away: a forward may write to its inputs, and the next step must find the same ones."""
    with torch._C.DisableTorchFunction():  # the copying is no part of the step, and a tape must not count it
        return map_tensors(lambda tensor: tensor.detach().clone().requires_grad_(tensor.requires_grad), batch)


def tensors(batch: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor with its place, such as `("['image']", …)` or `("[0]", …)`; `""` for a lone tensor."""
    if isinstance(batch, Tensor):
        yield path, batch
    elif isinstance(batch, PackedSequence):
        yield f"{path}.data", batch.data
    elif isinstance(batch, Mapping):
        for key, item in batch.items():
            yield from tensors(item, f"{path}[{key!r}]")
    elif _is_namedtuple(batch) or _is_dataclass_instance(batch):
        for name in _field_names(batch):
            yield from tensors(getattr(batch, name), f"{path}.{name}")
    elif isinstance(batch, (tuple, list)):
        for position, item in enumerate(batch):
            yield from tensors(item, f"{path}[{position}]")


def to_device(batch: Any, device: torch.device | str) -> Any:
    """The batch with every tensor on `device`; objects with their own `.to` (graphs, say) are asked."""
    if isinstance(batch, PackedSequence) or (hasattr(batch, "to") and not _is_known(batch)):
        return batch.to(device)
    return map_tensors(lambda tensor: tensor.to(device), batch)


def batch_size(batch: Any) -> int | None:
    """Number of samples: the leading dimension that all non-scalar tensors share, or None when they do not."""
    sizes = {tensor.shape[0] for _, tensor in tensors(batch) if tensor.ndim}
    return sizes.pop() if len(sizes) == 1 else None


def take(batch: Any, rows: list[int]) -> Any:
    """The batch of only these samples, in this order; lists as long as the batch are cut alike.

    Raises:
        BatchError: the tensors do not share a leading dimension.
    """
    size = batch_size(batch)
    if size is None:
        raise BatchError(f"the samples of this batch cannot be told apart: it holds {describe(batch)}")
    return _take(batch, rows, size)


def split(batch: Any, model: torch.nn.Module) -> ModelCall:
    """Tells what goes to the model and what its output is compared with.

    A lone tensor is input and target at once (an autoencoder). In a tuple or list the last member is the
    target and all before it go to the model. In a mapping, named tuple or dataclass the fields are matched
    by name with the parameters of `model.forward`.

    Raises:
        BatchError: none of these fits; `TrainingSetup(batch_loss=...)` is the way out.
    """
    if isinstance(batch, Tensor):
        return ModelCall((batch,), {}, batch)
    if type(batch) in (tuple, list) and len(batch) > 1:
        return ModelCall(tuple(batch[:-1]), {}, batch[-1])
    fields = _named_fields(batch)
    if fields is not None and (call := _call_by_name(fields, model)) is not None:
        return call
    if isinstance(batch, (tuple, list)) and batch:
        items = tuple(batch)
        return ModelCall(items, {}, items[0]) if len(items) == 1 else ModelCall(items[:-1], {}, items[-1])
    if hasattr(batch, "y") and hasattr(batch, "to"):  # a graph batch: the model gets it whole
        return ModelCall((batch,), {}, batch.y)
    raise BatchError(
        f"cannot tell inputs from targets in a batch of {describe(batch)}: "
        "pass TrainingSetup(batch_loss=lambda setup, batch: ...)"
    )


def beside(batch: Any, call: ModelCall) -> dict[str, Any]:
    """The named fields with numbers that the call does not use: what a loss of the user's own may compare the output with."""
    fields = _named_fields(batch) or {}
    used = {id(item) for item in (*call.args, *call.kwargs.values(), call.targets)} | {id(t) for _, t in tensors([call.args, call.kwargs, call.targets])}
    rest = {name: item for name, item in fields.items() if id(item) not in used and any(id(t) not in used for _, t in tensors(item))}
    return {name: item for name, item in rest.items() if not set(name.lower().split("_")) & set(COMPANY)}


def named_fields(batch: Any) -> dict[str, Any]:
    """The fields of a mapping, named tuple or dataclass; none of anything else."""
    return _named_fields(batch) or {}


def prediction(outputs: Any) -> Tensor | None:
    """The tensor among the model's outputs that a loss compares with the targets; None when there is none."""
    if isinstance(outputs, Tensor):
        return outputs
    fields = _named_fields(outputs)
    if fields is not None:
        for name in OUTPUT_NAMES:
            if isinstance(fields.get(name), Tensor):
                return fields[name]
    return next((t for _, t in tensors(outputs) if t.is_floating_point() and t.ndim), None)


def own_loss(outputs: Any) -> Tensor | None:
    """The loss that a model such as those of transformers returns with its outputs, or None."""
    if isinstance(outputs, Tensor):
        return outputs if outputs.ndim == 0 else None
    fields = _named_fields(outputs)
    if fields is not None:
        loss = fields.get("loss")
    else:
        loss = outputs[0] if isinstance(outputs, tuple) and outputs else None
    return loss if isinstance(loss, Tensor) and loss.numel() == 1 else None


def describe(batch: Any, depth: int = 3) -> str:
    """A short text: `(float32 (64, 1, 8, 8), int64 (64,))`, `{'image': …}`, `str`."""
    if isinstance(batch, Tensor):
        return f"{str(batch.dtype).removeprefix('torch.')} {tuple(batch.shape)}"
    if depth == 0:
        return "…"
    if isinstance(batch, Mapping):
        return "{" + ", ".join(f"{key!r}: {describe(item, depth - 1)}" for key, item in list(batch.items())[:8]) + "}"
    if _is_namedtuple(batch) or _is_dataclass_instance(batch):
        fields = ", ".join(f"{name}={describe(getattr(batch, name), depth - 1)}" for name in _field_names(batch)[:8])
        return f"{type(batch).__name__}({fields})"
    if isinstance(batch, (tuple, list)):
        inside = ", ".join(describe(item, depth - 1) for item in batch[:4]) + (", …" if len(batch) > 4 else "")
        return f"({inside})" if isinstance(batch, tuple) else f"[{inside}]"
    return type(batch).__name__


def _call_by_name(fields: dict[str, Any], model: torch.nn.Module) -> ModelCall | None:
    target = next((name for name in TARGET_NAMES if name in fields), None)
    targets = fields[target] if target else None
    inputs = {name: item for name, item in fields.items() if name != target}
    accepted, required, takes_any = _forward_parameters(model)
    if not inputs:
        return None
    if required <= fields.keys() and (accepted & inputs.keys()):
        kept = {n: v for n, v in fields.items() if n in accepted or (takes_any and n != target)}
        return ModelCall((), kept, targets)
    input_tensors = {name: item for name, item in inputs.items() if next(tensors(item), None) is not None}
    if len(input_tensors) == 1:
        return ModelCall(tuple(input_tensors.values()), {}, targets)
    if len(required) == 1 and target:  # forward(batch): a model that takes its inputs as one mapping
        return ModelCall((inputs,), {}, targets)
    return None


def _forward_parameters(model: torch.nn.Module) -> tuple[set[str], set[str], bool]:
    """Names that forward accepts, those it requires, and whether it takes **kwargs."""
    model = getattr(model, "_orig_mod", model)  # a compiled model hides the signature of the original
    if isinstance(model, (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel)):
        model = model.module
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return set(), set(), True
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = {p.name for p in named if p.default is p.empty}
    return {p.name for p in named}, required, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _named_fields(batch: Any) -> dict[str, Any] | None:
    if isinstance(batch, Mapping):
        return {str(key): item for key, item in batch.items()}
    if _is_namedtuple(batch) or _is_dataclass_instance(batch):
        return {name: getattr(batch, name) for name in _field_names(batch)}
    return None


def _rebuild(change: Callable[[Any], Any], batch: Any) -> Any:
    """One level of the structure anew, every member changed; what has no members comes back as it is."""
    if isinstance(batch, (dict, UserDict)):
        twin = copy.copy(batch)  # keeps the class: defaultdict, BatchEncoding, ModelOutput
        if isinstance(batch, UserDict):
            twin.data = dict(batch.data)
        for key, item in batch.items():
            twin[key] = change(item)
        return twin
    if _is_namedtuple(batch):
        return type(batch)(*(change(item) for item in batch))
    if isinstance(batch, list):
        twin = copy.copy(batch)  # keeps the class, whatever its constructor asks for
        twin[:] = [change(item) for item in batch]
        return twin
    if isinstance(batch, tuple):
        return type(batch)(change(item) for item in batch)
    if _is_dataclass_instance(batch):
        twin = copy.copy(batch)
        for name in _field_names(batch):  # not replace(): fields with init=False would raise
            object.__setattr__(twin, name, change(getattr(batch, name)))
        return twin
    return batch


def _take(batch: Any, rows: list[int], size: int) -> Any:
    if isinstance(batch, Tensor):
        return batch[torch.tensor(rows, device=batch.device)] if batch.ndim else batch
    if isinstance(batch, PackedSequence):
        raise BatchError("the samples of a PackedSequence cannot be taken apart")
    if isinstance(batch, (tuple, list)) and len(batch) == size and next(tensors(batch), None) is None:
        return type(batch)(batch[row] for row in rows)  # a list of names, one a sample
    return _rebuild(lambda item: _take(item, rows, size), batch)


def _is_known(batch: Any) -> bool:
    return isinstance(batch, (Tensor, dict, UserDict, tuple, list)) or _is_dataclass_instance(batch)


def _is_namedtuple(batch: Any) -> bool:
    return isinstance(batch, tuple) and hasattr(batch, "_fields")


def _is_dataclass_instance(batch: Any) -> bool:
    return dataclasses.is_dataclass(batch) and not isinstance(batch, type)


def _field_names(batch: Any) -> list[str]:
    return list(batch._fields) if hasattr(batch, "_fields") else [f.name for f in dataclasses.fields(batch)]
