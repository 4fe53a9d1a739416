"""Around the step: samples that do not make a batch, an optimizer without parameters, a checkpoint of another model."""

from __future__ import annotations

import ast
import copy
import inspect
import re
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from nbdebug.batch import tensors
from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.scene import Stop

MISMATCH = re.compile(r"size mismatch for ([\w.]+): copying a param with shape torch\.Size\((\[[\d, ]*\])\) from checkpoint, the shape in current model is torch\.Size\((\[[\d, ]*\])\)")
LARGEST_COPY = 10**8  # elements of a model that is copied to try a checkpoint on it; our choice
COLLATE = """from torch.nn.utils.rnn import pad_sequence

def collate(samples):
    {names} = zip(*samples)
    return {padded}

loader = DataLoader(..., collate_fn=collate)"""


def tries(failure: Failure) -> Iterator[Try]:
    if failure.phase == "data":
        yield from _collate(failure)
    if "empty parameter list" in failure.message:
        yield from _no_parameters(failure)
    if failure.phase == "optimizer":
        yield from _not_parameters(failure)
    if failure.phase == "load":
        yield from _checkpoint(failure)
    if failure.phase == "data" and re.search(r"shape '(.+)' is invalid for input of size (\d+)", failure.message):
        yield from _sample_of_another_size(failure)


# -- batches ------------------------------------------------------------------------------------------------------


def _collate(failure: Failure) -> Iterator[Try]:
    stop = next((s for s in failure.scene.stops if s.frame.f_code.co_name in ("default_collate", "collate") and "batch" in _held(failure, s)), None)
    batch = _held(failure, stop).get("batch") if stop is not None else None
    if not isinstance(batch, (list, tuple)) or not batch:
        return
    fields = [dict(tensors(sample)) for sample in batch]
    for place in fields[0]:
        shapes = [tuple(f[place].shape) for f in fields if place in f]
        if len(set(shapes)) > 1:
            why = f"the samples of a batch differ: {'field ' + place if place else 'they'} came as {', '.join(map(str, shapes[:4]))}"
            column = [f[place] for f in fields if place in f]
            yield from _padded(batch, place, column, why)
            return
    odd = next((sample for sample in batch if sample is None), batch[0])
    if odd is None:
        yield Try("the dataset returns None for a sample: return one, or filter it in collate_fn", "", None, "a sample of the batch is None")


def _padded(batch: Any, place: str, column: list[Tensor], why: str) -> Iterator[Try]:
    if column[0].ndim == 3 and {t.shape[0] for t in column} <= {1, 3, 4} and len({t.shape[0] for t in column}) > 1:
        yield Try("give every picture as many channels", 'image.convert("RGB")', None, why)
    elif len({t.shape[1:] for t in column}) == 1 and column[0].ndim:
        nn.utils.rnn.pad_sequence(column, batch_first=True)
        done = f"works: tried on this batch, it makes {tuple(nn.utils.rnn.pad_sequence(column, batch_first=True).shape)}"
        yield Try("pad the samples of a batch to the longest", _collate_code(batch, place), None, why, done)
    else:
        yield Try("resize every sample to one size in the dataset", "transforms.Resize((height, width))", None, why)


def _collate_code(batch: Any, place: str) -> str:
    sample = batch[0]
    if isinstance(sample, Tensor):
        return "DataLoader(..., collate_fn=lambda samples: torch.nn.utils.rnn.pad_sequence(samples, batch_first=True))"
    if not isinstance(sample, (tuple, list)):
        return "collate_fn: torch.nn.utils.rnn.pad_sequence([sample" + place + " for sample in samples], batch_first=True)"
    names = [f"field{i}" for i in range(len(sample))]
    made = [
        f"pad_sequence({n}, batch_first=True)" if place.startswith(f"[{i}]") else f"torch.stack({n})" if isinstance(sample[i], Tensor) else f"torch.tensor({n})"
        for i, n in enumerate(names)
    ]
    return COLLATE.format(names=", ".join(names), padded=", ".join(made))


def _sample_of_another_size(failure: Failure) -> Iterator[Try]:
    matched = re.search(r"shape '(.+)' is invalid for input of size (\d+)", failure.message)
    shape, size = matched[1], int(matched[2])
    why = f"a sample has {size} elements, which do not make {shape}"
    yield Try(f"look at that sample, or leave it out of the dataset: reshape to {shape} fits the others", "", None, why)


# -- optimizer ----------------------------------------------------------------------------------------------------


def _no_parameters(failure: Failure) -> Iterator[Try]:
    source = failure.source
    stop = next((s for s in failure.scene.stops if s.frame.f_code.co_name == "__init__" and "torch/optim" in s.file.replace("\\", "/")), None)
    if source is None or stop is None:
        return
    held = _held(failure, stop)
    users = failure.scene.variables(source.stop)
    models = [(name, m) for name, m in users.items() if isinstance(m, nn.Module) and any(True for _ in m.parameters())]
    given = held.get("params")
    node = source.expression.args[0] if isinstance(source.expression, ast.Call) and source.expression.args else None
    why = "the optimizer got no parameters"
    if inspect.isgenerator(source.value(node) if node is not None else given):
        why = f"{source.segment(node) if node is not None else 'the generator'} is a generator that was read before, and gives nothing a second time"
    for name, model in models:
        kind = type(held.get("self"))
        done = "works: an optimizer of these parameters can be built" if _builds(kind, model) else ""
        code = source.edited(node, f"{name}.parameters()")
        yield Try("ask for the parameters anew, or keep them in a list(...)", code, None, why, done)


def _not_parameters(failure: Failure) -> Iterator[Try]:
    source = failure.source
    if source is None:
        return
    if "SparseAdam" in failure.message:
        yield Try("take SparseAdam for the embedding, or build it with sparse=False", "torch.optim.SparseAdam(...)", None, failure.message)
    node = source.expression.args[0] if isinstance(source.expression, ast.Call) and source.expression.args else None
    model = source.value(node) if node is not None else None
    owner = getattr(model, "__self__", None)
    if isinstance(owner, nn.Module) and getattr(model, "__name__", "").endswith("parameters"):
        done = "works: an optimizer of these parameters can be built" if _builds(failure.callee(), owner) else ""
        why = f"{source.segment(node)} is the method, not what it gives"
        yield Try("call it: add the ()", source.edited(node, "{}()"), None, why, done)
    if isinstance(model, nn.Module):
        kind = failure.callee()
        done = "works: an optimizer of these parameters can be built" if _builds(kind, model) else ""
        yield Try("give it the parameters", source.edited(node, "{}.parameters()"), None, "an optimizer wants parameters, and got a module", done)


def _builds(kind: Any, model: nn.Module) -> bool:
    try:
        return isinstance(kind, type) and kind(model.parameters()) is not None
    except TypeError:  # it needs more arguments
        return False


# -- checkpoints --------------------------------------------------------------------------------------------------


def _checkpoint(failure: Failure) -> Iterator[Try]:
    stop = next((s for s in failure.scene.stops if s.frame.f_code.co_name == "load_state_dict" and "state_dict" in _held(failure, s)), None)
    if stop is None:
        return
    model, state = _held(failure, stop).get("self"), _held(failure, stop).get("state_dict")
    if not isinstance(model, nn.Module) or not hasattr(state, "items"):
        return
    name = next((n for n, v in failure.users.variables(failure.source.stop).items() if v is model), "model") if failure.source is not None else "model"
    call = failure.source.expression if failure.source is not None else None
    said = failure.source.segment(call.args[0]) if isinstance(call, ast.Call) and call.args else "state"
    own = model.state_dict()
    for prefix in ("module.", "_orig_mod.", "model."):
        stripped = {k.removeprefix(prefix): v for k, v in state.items()}
        if stripped.keys() != state.keys() and stripped.keys() == own.keys():
            why = f"every name of the checkpoint begins with {prefix!r}, as DataParallel, torch.compile or a trainer leaves it"
            code = f"state = {{k.removeprefix({prefix!r}): v for k, v in {said}.items()}}\n{name}.load_state_dict(state)"
            yield Try("take the prefix away", code, None, why, _loads(model, stripped))
    wrong = [(path, saved, now) for path, saved, now in MISMATCH.findall(failure.message)]
    wrong = wrong or [(k, list(v.shape), list(own[k].shape)) for k, v in state.items() if k in own and isinstance(v, Tensor) and v.shape != own[k].shape]
    if wrong:
        path, saved, now = wrong[0]
        why = f"{path} is {now} in the model and {saved} in the checkpoint" + (f", and {len(wrong) - 1} more differ" if len(wrong) > 1 else "")
        fitting = {k: v for k, v in state.items() if k not in {p for p, _, _ in wrong}}
        code = f"state = {{k: v for k, v in {said}.items() if not k.startswith({path.rpartition('.')[0] + '.'!r})}}\n{name}.load_state_dict(state, strict=False)"
        what = f"build the model with the size of the checkpoint, or leave {', '.join(p for p, _, _ in wrong[:3])} out of it"
        yield Try(what, code, None, why, _loads(model, fitting, strict=False))


def _loads(model: nn.Module, state: Any, *, strict: bool = True) -> str:
    if sum(t.numel() for t in model.state_dict().values()) > LARGEST_COPY:
        return "not tried: too large to copy"
    try:
        copy.deepcopy(model).load_state_dict(state, strict=strict)
    except Exception:
        return ""
    return "works: tried on a copy of the model"


def _held(failure: Failure, stop: Stop) -> dict[str, Any]:
    return failure.scene.variables(stop)
