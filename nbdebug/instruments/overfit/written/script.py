"""The program: definitions, the samples, the model with its weights, the loss, a loop that fails as the training does."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.batch import own_copy
from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import NbdebugError, first_line
from nbdebug.instruments.overfit.attempts import Task
from nbdebug.instruments.overfit.result import Trial
from nbdebug.instruments.overfit.written.definitions import FUTURE, CannotWrite, Definitions
from nbdebug.instruments.overfit.written.numbers import UNPACK, numbers_of, packed
from nbdebug.instruments.overfit.written.rebuilt import Rebuilt, weights_of
from nbdebug.stepping import owned
from nbdebug.training_setup import PRECISIONS, TrainingSetup, is_torch_loss
from nbdebug.untouched import untouched

IMPORTS = {"base64": "import base64", "math": "import math", "types": "import types", "zlib": "import zlib"}  # name → how it is imported
IMPORTS |= {"torch": "import torch", "nn": "from torch import nn", "F": "from torch.nn import functional as F"}
BLANK = [
    "def blank(kind):",
    "    module = kind.__new__(kind)  # its __init__ is not run: what it would make follows",
    "    nn.Module.__init__(module)",
    "    return module",
]
LOOP = """\
optimizer, losses = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01), []
for step in range({steps}):
    loss = loss_of()
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{samples}: loss {{losses[0]:.4g}} -> {{min(losses):.4g}} in {{len(losses)}} steps, where {floor:.4g} is possible")"""


def script_of(task: Task, trial: Trial) -> str:
    """A program that trains the same samples in vain; where something cannot be written down it says so, and leaves a place for it."""
    try:
        with untouched(task.setup):
            in_training_mode(task.setup)
            torch.manual_seed(0)
            return _program(task, trial)
    except (NbdebugError, RuntimeError) as error:
        return f"# This failure could not be written as a program: {first_line(error)}\n"


def _program(task: Task, trial: Trial) -> str:
    definitions = Definitions()
    model = _model(task.setup, definitions)
    loss = _loss(task, definitions)
    samples = "one sample" if task.count == 1 else f"{task.count} samples"
    said = [f'"""{samples[0].upper()}{samples[1:]} that cannot be memorised: from {trial.start:.4g} the loss comes down to {trial.lowest:.4g}, {trial.floor:.3g} is possible."""']
    sections = [
        [*UNPACK], *([text] for text in definitions.texts.values()), [*BLANK] if any("blank(" in line for line in model) else [],
        ["torch.manual_seed(0)", *model], loss, [LOOP.format(steps=task.steps, samples=samples, floor=trial.floor)],
    ]  # fmt: skip
    text = "\n\n".join("\n".join(section) for section in sections if section)
    used = [line for name, line in IMPORTS.items() if re.search(rf"\b{name}\.", text)]
    return "\n".join([*said, FUTURE, "", *used, *definitions.imports, "", text, ""])


# -- the model --------------------------------------------------------------------------------------------------------


def _model(setup: TrainingSetup, definitions: Definitions) -> list[str]:
    model = dict(setup.model.named_children()).get("_orig_mod", setup.model)  # what a compiled one compiles
    rebuilt = Rebuilt(definitions)
    try:
        rebuilt.module(model, "model")
    except CannotWrite as error:
        why = f"# The model cannot be written down ({error}): import {type(model).__name__} and build it here."
        return [why, "model = None  # <-- YOUR MODEL GOES HERE"]
    return [*rebuilt.lines, *_tied(model), *_weights(model), *_frozen(setup, model), *_asleep(model)]


def _tied(model: nn.Module) -> list[str]:
    first: dict[int, str] = {}
    lines = []
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if (other := first.setdefault(id(parameter), name)) != name:
            owner, _, key = name.rpartition(".")
            lines.append(f'model.get_submodule("{owner}").{key} = model.get_parameter("{other}")')
    return lines


def _weights(model: nn.Module) -> list[str]:
    text = packed(weights_of(model))
    if text is None:
        return ["# the weights are too large for a script: these are new ones"] if weights_of(model) else []
    return [
        f"weights = {text}",
        "for tensor in model.state_dict().values():",
        "    tensor.copy_(weights[: tensor.numel()].reshape(tensor.shape))",
        "    weights = weights[tensor.numel() :]",
    ]


def _frozen(setup: TrainingSetup, model: nn.Module) -> list[str]:
    mine = {id(p) for p in owned(setup)}
    frozen = [name for name, p in model.named_parameters() if id(p) not in mine]
    return [f"for name in {frozen}:", "    model.get_parameter(name).requires_grad_(False)"] if frozen else []


def _asleep(model: nn.Module) -> list[str]:
    """Modules that are in eval mode within a model that trains."""
    names = [name for name, module in model.named_modules() if name and not module.training]
    return [f"for name in {names}:", "    model.get_submodule(name).training = False"] if names else []


# -- the loss ---------------------------------------------------------------------------------------------------------


def _loss(task: Task, definitions: Definitions) -> list[str]:
    """The samples, and a function that gives the loss of them."""
    setup, rebuilt = task.setup, Rebuilt(definitions)
    lines, body = [], []
    try:
        if setup.batch_loss is not None:
            lines.append(f"batch = {_data(definitions, task.batch)}")
            given = f"model=model, loss_fn={_loss_function(rebuilt, setup.loss_fn)}, moved=lambda batch: batch, device='cpu'"
            body = [f"return {_loss_function(rebuilt, setup.batch_loss)}(types.SimpleNamespace({given}), batch)"]
        else:
            call = batches.split(task.batch, setup.model)
            lines += [f"inputs, named = {_data(definitions, tuple(call.args))}, {_data(definitions, dict(call.kwargs))}"]
            lines += [f"targets = {_data(definitions, call.targets)}"]
            body = _comparing(setup, task.batch, rebuilt)
    except CannotWrite as error:
        why = f"# The loss or the samples cannot be written down ({error}): give the loss of your samples here."
        lines, body = [why], ["raise NotImplementedError  # <-- YOUR LOSS GOES HERE"]
    if (dtype := PRECISIONS[setup.precision]) is not None:
        body = [f'with torch.autocast("cpu", {dtype}):', *(f"    {line}" for line in body)]
    if any("torch.randn(" in line for line in lines):
        lines.insert(0, "# the samples are too many numbers for a script: these are random ones of the same shape, mean and spread")
    return [*lines, *rebuilt.lines, "", "", "def loss_of():", *(f"    {line}" for line in body)]


def _comparing(setup: TrainingSetup, batch: Any, rebuilt: Rebuilt) -> list[str]:
    outputs = setup.outputs(own_copy(batch))
    if setup.loss_fn is None:
        own = batches.own_loss(outputs)
        return [f"return model(*inputs, **named){_path(outputs, own)}"]
    predicted = batches.prediction(outputs) if is_torch_loss(setup.loss_fn) else None
    taken = _path(outputs, predicted) if predicted is not None else ""
    return [f"return {_loss_function(rebuilt, setup.loss_fn)}(model(*inputs, **named){taken}, targets)"]


def _path(outputs: Any, wanted: Tensor | None) -> str:
    return next((path for path, tensor in batches.tensors(outputs) if tensor is wanted), "")


def _loss_function(rebuilt: Rebuilt, loss_fn: Any) -> str:
    if loss_fn is None:
        return "None"
    return rebuilt.module(loss_fn) if isinstance(loss_fn, nn.Module) else rebuilt.definitions.name_of(loss_fn)


def _samples(tensor: Tensor) -> str:
    """The numbers themselves; where they are too many, others of the same shape, mean and spread."""
    try:
        return numbers_of(tensor)
    except CannotWrite:
        if not tensor.is_floating_point():
            raise
        values = tensor.detach().float()
        return f"torch.randn({list(tensor.shape)}) * {float(values.std()):.3g} + {float(values.mean()):.3g}"


def _data(definitions: Definitions, data: Any) -> str:
    """Tensors within tuples, lists and dicts."""
    if isinstance(data, Tensor):
        return _samples(data)
    if type(data) in (tuple, list):
        inside = ", ".join(_data(definitions, item) for item in data)
        return f"[{inside}]" if type(data) is list else f"({inside},)" if data else "()"
    if isinstance(data, dict):
        return "{" + ", ".join(f"{key!r}: {_data(definitions, item)}" for key, item in data.items()) + "}"
    return definitions.value(data)
