"""Loss calls: classes out of range, targets of another shape or dtype."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nbdebug.crash.building import written
from nbdebug.crash.failure import Failure, Try, said_of
from nbdebug.crash.mends.kinds import change
from nbdebug.listening import module_paths

CLASSES = ("cross_entropy", "nll_loss", "multi_margin_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss")
LOSSES = (*CLASSES, *BINARY, "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss", "gaussian_nll_loss")


def tries(failure: Failure) -> Iterator[Try]:
    outputs, targets = failure.tensor("input"), failure.tensor("target")
    if failure.name not in LOSSES or targets is None:
        return
    if outputs is None:
        return
    if failure.name in CLASSES:
        yield from _shapes_of_classes(failure, outputs, targets)
        yield from _kind_of_classes(failure, outputs, targets)
        if not targets.is_floating_point() and outputs.ndim:
            yield from _range(failure, outputs, targets)
    else:
        yield from _kind(failure, outputs, targets)
        yield from _shapes(failure, outputs, targets)


# -- classes ------------------------------------------------------------------------------------------------------


def _kind_of_classes(failure: Failure, outputs: Tensor, targets: Tensor) -> Iterator[Try]:
    if targets.shape == outputs.shape and not targets.is_floating_point():
        why = f"targets of the outputs' own shape, {tuple(targets.shape)}, are probabilities and must be floats; these are {_kind_of(targets)}"
        yield Try("give the class instead of one-hot", _targets(failure, targets, "{}.argmax(1)"), change("target", lambda t: t.argmax(1)), why)
        yield Try("make them floats", _targets(failure, targets, "{}.float()"), change("target", Tensor.float), why)
    elif targets.dtype != torch.int64 and targets.shape == outputs.shape[:1] + outputs.shape[2:]:
        why = f"classes must be int64, and {failure.word(targets, 'the targets')} is {_kind_of(targets)}"
        yield Try("make the classes integers", _targets(failure, targets, "{}.long()"), change("target", Tensor.long), why)


def _shapes_of_classes(failure: Failure, outputs: Tensor, targets: Tensor) -> Iterator[Try]:
    wanted = outputs.shape[:1] + outputs.shape[2:]
    if targets.shape in (wanted, outputs.shape):
        return
    why = f"{failure.name} got outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)}: of such outputs the targets are {tuple(wanted)}"
    if targets.ndim == outputs.ndim and targets.ndim > 1 and targets.shape[1] == 1:
        yield Try("take away the dimension of one", _targets(failure, targets, "{}.squeeze(1)"), change("target", lambda t: t.squeeze(1)), why)
    if outputs.shape[:-1] == targets.shape and outputs.ndim > 2:
        order = (0, outputs.ndim - 1, *range(1, outputs.ndim - 1))
        text = ".transpose(1, 2)" if outputs.ndim == 3 else f".permute{order}"
        yield Try("put the classes second", failure.edit(outputs, "{}" + text), change("input", lambda t: t.permute(order)), why)
    if outputs.ndim > 3 and targets.ndim == outputs.ndim - 1 and targets.shape[0] == outputs.shape[0]:
        sizes = targets.shape[1:]
        text = "nn.functional.interpolate({}, size=" + f"{tuple(sizes)})"
        yield Try("bring the outputs to the size of the targets", failure.edit(outputs, text), change("input", lambda t: F.interpolate(t, size=sizes)), why)
    if outputs.ndim == 2 and targets.ndim == 1 and outputs.shape[0] % max(1, targets.shape[0]):
        yield Try(f"find where samples are lost: {outputs.shape[0]} outputs meet {targets.shape[0]} targets", "", None, why)
    if outputs.ndim == 2 and targets.numel() == outputs.shape[0]:
        yield Try("flatten the targets", _targets(failure, targets, "{}.flatten()"), change("target", Tensor.flatten), why)
    if outputs.ndim == 2 and targets.ndim == 1 and outputs.shape[0] > targets.shape[0] and outputs.shape[0] % max(1, targets.shape[0]) == 0:
        factor = outputs.shape[0] // max(1, targets.shape[0])
        yield Try(f"the outputs hold {factor} rows for each target: look at the view() or flatten() before", "", None, why)


def _range(failure: Failure, outputs: Tensor, targets: Tensor) -> Iterator[Try]:
    ignored = failure.given.get("ignore_index", -100)
    kept = targets[targets != ignored]
    classes = outputs.shape[1] if outputs.ndim > 1 else outputs.shape[0]
    if not kept.numel() or kept.is_meta:
        return
    low, high = int(kept.min()), int(kept.max())
    if low >= 0 and high < classes:
        return
    word = failure.word(targets, "")
    labels = f"the labels in {word}" if word else "the labels"
    why = f"{labels} {f'run from {low} to {high}' if low < high else f'are all {low}'}, and the outputs have {classes} classes: 0 to {classes - 1}"
    outside = torch.unique(kept[(kept < 0) | (kept >= classes)]).tolist()
    if len(outside) == 1 and (outside[0] < 0 or outside[0] >= 2 * classes) or outside == [255]:
        mark = int(outside[0])
        why = f"{labels} hold {mark}, besides classes of 0 to {classes - 1}: padding, most likely, which the loss does not know as such"
        yield Try(f"say that {mark} is padding", _with_argument(failure, "ignore_index", mark), _ignoring(mark), why)
    from_one = low >= 1 and high == classes
    covered = len(torch.unique(kept)) * 2 >= classes  # else that no label is 0 may be chance
    if from_one and covered:
        yield Try("count the classes from 0", _targets(failure, targets, "{} - 1"), change("target", lambda t: t - 1), why)
    if high >= classes and high < 100 * classes:
        yield Try(f"build the head with {high + 1} outputs", _wider_head(failure, classes, high + 1), _wider(high + 1 - classes), why)
    if from_one and not covered:
        yield Try("count the classes from 0", _targets(failure, targets, "{} - 1"), change("target", lambda t: t - 1), why)


def _ignoring(mark: int) -> Any:
    return lambda call, args, kwargs: call(*args, **{**kwargs, "ignore_index": mark})


def _wider(by: int) -> Any:
    return change("input", lambda t: F.pad(t.movedim(1, -1), (0, by)).movedim(-1, 1))


def _wider_head(failure: Failure, classes: int, wanted: int) -> str:
    """The line that builds the last layer with that many outputs, among the user's variables."""
    held = failure.users.variables(failure.source.stop) if failure.source is not None else {}
    for name, model in held.items():
        if not isinstance(model, nn.Module) or name == "self" and not list(model.parameters()):
            continue
        heads = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == classes]
        if heads:
            path = module_paths(model)[id(heads[-1])]
            owner = name + "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in path.split(".") if part)
            return f"{owner} = {written(heads[-1], {'out_features': wanted})}"
    return f"nn.Linear(..., {wanted})"


def _with_argument(failure: Failure, name: str, value: Any) -> str:
    """The loss with one more argument: of the call, or where its module is built."""
    module = failure.module
    if module is not None and type(module).__module__.startswith("torch.nn.modules.loss"):
        return f"{failure.owner()} = {written(module, {name: value})}"
    whole = failure.whole("{}")
    source = failure.source
    if not whole or source is None:
        return f"F.{failure.name}(outputs, targets, {name}={value})"
    text = source.segment(source.expression)
    return source.replaced(source.expression, f"{text[:-1]}, {name}={value})") if text.endswith(")") else ""


# -- the others ---------------------------------------------------------------------------------------------------


def _kind(failure: Failure, outputs: Tensor, targets: Tensor) -> Iterator[Try]:
    if "between 0 and 1" in failure.message:
        low, high = float(outputs.min()), float(outputs.max())
        why = f"binary_cross_entropy wants probabilities, and its input lies in {low:.3g}..{high:.3g}"
        with_logits = lambda call, args, kwargs: F.binary_cross_entropy_with_logits(outputs, targets)  # noqa: E731
        code = failure.owner() + " = nn.BCEWithLogitsLoss()" if failure.module is not None else "F.binary_cross_entropy_with_logits(...)"
        yield Try("use the loss that takes raw outputs", code, with_logits, why)
    if not targets.is_floating_point() and outputs.is_floating_point():
        why = f"{failure.name} wants float targets, and {failure.word(targets, 'the targets')} is {_kind_of(targets)}"
        yield Try("make the targets floats", _targets(failure, targets, "{}.float()"), change("target", lambda t: t.to(outputs.dtype)), why)


def _shapes(failure: Failure, outputs: Tensor, targets: Tensor) -> Iterator[Try]:
    if outputs.shape == targets.shape:
        return
    why = f"{failure.name} compares outputs {tuple(outputs.shape)} with targets {tuple(targets.shape)}"
    if outputs.ndim == targets.ndim + 1 and outputs.shape[-1] == 1:
        yield Try("take the dimension of one away", failure.edit(outputs, "{}.squeeze(-1)"), change("input", lambda t: t.squeeze(-1)), why)
    if targets.ndim == outputs.ndim + 1 and targets.shape[-1] == 1:
        yield Try("take the dimension of one away", _targets(failure, targets, "{}.squeeze(-1)"), change("target", lambda t: t.squeeze(-1)), why)
    if outputs.ndim == targets.ndim + 1 and failure.name in BINARY and outputs.shape[:1] == targets.shape and outputs.shape[1] > 1:
        classes = outputs.shape[1]
        how = change("target", lambda t: F.one_hot(t.long(), classes).to(outputs.dtype))
        yield Try("one-hot targets", _targets(failure, targets, "F.one_hot({}.long(), " + f"{classes}).float()"), how, why)
    if outputs.numel() == targets.numel():
        word = failure.word(outputs, "")
        flat = targets.ndim > 1 and targets.flatten(1).shape == outputs.shape
        how = ".flatten(1)" if flat else f".view_as({word})" if word else f".reshape({', '.join(map(str, (-1, *outputs.shape[1:])))})"
        yield Try("give both one shape", _targets(failure, targets, "{}" + how), change("target", lambda t: t.reshape(outputs.shape)), why)
    if sorted(outputs.shape) == sorted(targets.shape) and outputs.ndim == 2:
        yield Try("transpose the outputs", failure.edit(outputs, "{}.T"), change("input", lambda t: t.T), why)


def _targets(failure: Failure, targets: Tensor, template: str) -> str:
    code = failure.source.edited(failure.node(targets, 1), template) if failure.source is not None else ""
    return code or f"targets = {template.format('targets')}"


def _kind_of(tensor: Tensor) -> str:
    return said_of(tensor)

