"""Checks of how the model is put together: layers that are one, weights that should be one, layers that might as well be one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.first_step.answers import Untied
from nbdebug.instruments.first_step.instrument import first_step
from nbdebug.instruments.first_step.result import FirstStep
from nbdebug.instruments.first_step.siblings import TWINS
from nbdebug.instruments.first_step.stale import STALE
from nbdebug.instruments.first_step.tied import CONFIG, COPIED, MEMORY, UNCALLED
from nbdebug.instruments.first_step.wiring_checks import _demand_step


@first_step.check(
    "ND204", "sharing broken", severity=WARNING, advice="build each layer anew: nn.ModuleList(Layer() for _ in range(n)), or copy.deepcopy it"
)
def sharing_broken(step: FirstStep) -> Iterator[Seen]:
    """Weights that are meant to be one are two, or layers that are meant to be several are one.

    Wrong: `[layer] * 3` holds one layer three times, so a deep network has the weights of a shallow one; or the head that was tied
        to the embedding has weights of its own again, after an initialisation, a copy or a load that made new parameters.
    Seen: one layer with weights stands under several names of a module, and in the training step its output comes back to it, or
        it is given the very same input twice. What the code calls shared, tied or reused is left alone, and so are towers
        over several inputs and layers that a loop calls by one name. For ties: the code of the class assigns one
        weight to another (`self.head.weight = self.embed.weight`), or the configuration of a model of transformers says so, and
        the two are different parameters now; or a layer multiplies by a tensor that does not learn, and that holds the very numbers of a weight that does.
    Where: the parameter or the layer, and the line that repeats it or that ties it.
    Try: make layers in a loop, or deepcopy them; tie weights last, by assigning the parameter itself, no copy and no `.data`.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), *[nn.Linear(32, 32), nn.ReLU()] * 3, nn.Linear(32, 10))
    Good:
        blocks = [layer for _ in range(3) for layer in (nn.Linear(32, 32), nn.ReLU())]
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), *blocks, nn.Linear(32, 10))
    Source: torch documentation, nn.Module.parameters ("duplicate"); O. Press, L. Wolf, Using the Output Embedding to Improve
        Language Models, 2017 (tying).
    """
    _demand_step(step)
    for one in step.repeated:
        holder = f"`{one.owner}`" if one.owner else "the model"
        how = "its output is given to it again" if one.chained else "it computes the same from the same input"
        yield Seen(
            f"{_listed(one.names)} of {holder} are one and the same {one.kind}, so there are {one.tensors} parameters instead of "
            f"{one.tensors * len(one.names)}: {how}",
            one.location, {"places": len(one.names), "parameters": one.tensors}, INFO if one.named else None,
        )  # fmt: skip
    for pair in step.untied:
        yield Seen(
            _two_of(pair), pair.location or Location(parameter=pair.second), {"weights": _size(pair)},
            INFO if pair.how == UNCALLED else None,
            "call it at the end of __init__, if they are to be one" if pair.how == UNCALLED
            else "build one, and call it for both: self.b = self.a" if pair.how == TWINS
            else "use the parameter itself, without detach() or clone()" if pair.how == STALE
            else "tie them after everything that makes parameters: head.weight = embedding.weight (for transformers, model.tie_weights())",
        )  # fmt: skip


def _two_of(pair: Untied) -> str:
    if pair.how == STALE:
        return f"`{pair.said}`: `{pair.second}` {pair.shape} has the very numbers of `{pair.first}`, and is a copy that no gradient reaches: it stays as it is while `{pair.first}` learns"
    said = {
        CONFIG: f"{pair.said}, but",
        COPIED: f"`{pair.said}` copies where it speaks of tying:",
        MEMORY: f"`{pair.said}` shares the memory and not the parameter:",
        TWINS: f"the text says “{pair.said}”, but there are two networks of one make, each given an input of its own:",
        UNCALLED: f"`{pair.said}` stands in a method that the constructor does not call:",
    }.get(pair.how, f"`{pair.said}` stands in the code, but now")
    return f"{said} `{pair.first}` and `{pair.second}` {pair.shape} are two parameters, and each learns on its own"


def _size(pair: Untied) -> int:
    size = 1
    for n in pair.shape:
        size *= n
    return size


@first_step.check("ND707", "state aliased or loaded in part", severity=WARNING, advice="print what load_state_dict returns, and make the names fit: key.removeprefix('module.')")
def state_not_loaded(step: FirstStep) -> Iterator[Seen]:
    """What was loaded with strict=False left every layer as torch fills it."""
    for one in step.unloaded:
        what = f"`{one.path}`" if one.path else "the model"
        yield Seen(
            f"`{one.said}` passes over what does not fit, and {'all ' if one.layers > 1 else ''}{one.layers} layer{'s' if one.layers > 1 else ''} of {what} "
            f"{'are' if one.layers > 1 else 'is'} still as torch fills a new one: no name in the state is a name of its",
            replace(one.location, module=one.path, detail="load_state_dict"), {"layers": one.layers},
        )  # fmt: skip


@first_step.check(
    "ND205", "nothing between linear layers", severity=WARNING, advice="put an activation between them: F.relu(self.fc1(x))"
)
def no_nonlinearity(step: FirstStep) -> Iterator[Seen]:
    """Linear (or convolutional) layers with nothing between them.

    Wrong: a linear map of a linear map is a linear map. Three layers compute what one could, and the model cannot learn more
        than a linear model, however deep it looks.
    Seen: on the tape of the training step the output of one layer goes to the next alone, through nothing but dropout, batch-norm,
        averages, reshaping and constants; or three layers and more (or two of a row, conv1 and conv2) lie one behind another, and moving the inputs shows that the whole
        model is an affine map (with residuals, with graphs, with an activation of slope 1). An alarm for three layers or more, and for two that stand in a row (fc1 and fc2) or
        are far wider between than at both ends (up and down).
        Left alone: a layer narrower than both its neighbours (low rank, adapters, an autoencoder's code), separable, strided and
        factored convolutions, projections to queries, keys and values, frozen and reused layers, a projection before a head,
        single layers of several modules in a row, and models that call themselves linear or have no bias from input to output.
    Where: the layers, and the line of the first.
    Try: an activation after each hidden layer; if the model is meant to be linear, one layer.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10))
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    Source: I. Goodfellow, Y. Bengio, A. Courville, Deep Learning, 2016, section 6.1 (why a hidden layer needs a nonlinear function).
    """
    _demand_step(step)
    for stack in step.stacks:
        if not stack.sure and not stack.siblings and not stack.whole:
            continue
        lost = f"; {stack.dropped} is called between them, but what it gives goes nowhere" if stack.dropped else ""
        what = "the whole model is one linear map" if stack.whole else "together they are one linear map"
        yield Seen(
            f"nothing nonlinear stands between {_listed(stack.layers)} (widths {' → '.join(map(str, stack.widths))}): {what}{lost}",
            stack.location, {"layers": len(stack.layers)}, None if stack.sure and not stack.meant else INFO,
            f"use its result: x = F.{stack.dropped}(x)" if stack.dropped else None,
        )  # fmt: skip


def _listed(names: tuple[str, ...]) -> str:
    shown = [f"`{name}`" for name in names]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) < 5 else f"{shown[0]}, {shown[1]} … {shown[-1]}"
