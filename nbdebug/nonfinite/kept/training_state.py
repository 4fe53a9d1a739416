"""The state of a training as plain values, and put into another training that is like it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from nbdebug.errors import SetupError
from nbdebug.nonfinite.kept.copies import write_values
from nbdebug.nonfinite.kept.flat import Flattener
from nbdebug.nonfinite.kept.parts import Parts, joined, unwrapped
from nbdebug.nonfinite.kept.rebuilding import rebuilt
from nbdebug.nonfinite.kept.snapshot import Snapshot

MOST_NAMED = 4  # names in one sentence


def gathered(parts: Parts, snapshot: Snapshot, update: Snapshot | None = None) -> tuple[dict[str, Any], list[str]]:
    """The state at the snapshot, and the paths of what has no plain form.

    Args:
        update: a later one, of right before the update, for weights and optimizers that the first did not copy.
    """
    def noted(owner: Any) -> Any:
        return update.noted(owner) if update is not None and update.knows(owner) else snapshot.noted(owner)

    parameters, before, modes = parts.parameters(), snapshot.gradients(), {id(m): mode for m, mode in snapshot.modes}
    paths = {id(module): path for path, module in parts.modules()}
    flatten = Flattener({**(update.values() if update is not None else {}), **snapshot.values()}, parts.names())
    carried = [(paths[id(m)], name, value) for m, name, value in snapshot.carried() if id(m) in paths]
    state = {
        "classes": {name: type(unwrapped(model)).__name__ for name, model in parts.models.items()},
        "parameters": {name: flatten.numbers(p, name) for name, p in parameters.items()},
        "trained": {name: p.requires_grad for name, p in parameters.items()},
        "gradients": {name: flatten.numbers(before[id(p)], f"the gradient of {name}") for name, p in parameters.items() if id(p) in before},
        "buffers": {name: flatten.numbers(b, name) for name, b in parts.buffers().items()},
        "modes": {path: modes.get(id(module), module.training) for path, module in parts.modules()},
        "carried": [[path, name, flatten(value, joined(path, name))] for path, name, value in carried],
        "optimizers": [_optimizer(o, noted(o), flatten) for o in parts.optimizers],
        "scalers": [_scaler(s, noted(s), flatten) for s in parts.scalers],
        "schedulers": [_scheduler(s, flatten) for s in parts.schedulers],
    }
    return state, flatten.lost


def _optimizer(optimizer: Optimizer, noted: dict[str, Any], flatten: Flattener) -> dict[str, Any]:
    name = type(optimizer).__name__
    groups = [
        {
            "parameters": [flatten(p)["name"] for p in group["params"]],
            "options": {key: flatten(value, f"{name}.{key}") for key, value in group.items() if key != "params"},
        }
        for group in noted["groups"]
    ]
    return {"class": name, "groups": groups, "state": [[flatten(k), flatten(v, f"{name}.state")] for k, v in noted["state"].items()]}


def _scaler(scaler: Any, noted: dict[str, Any], flatten: Flattener) -> dict[str, Any]:
    """As its own state_dict() would have it."""
    if not scaler.is_enabled():
        return {"enabled": False}
    scale, grown = noted["_scale"], noted["_growth_tracker"]
    return {
        "enabled": True,
        "scale": noted["_init_scale"] if scale is None else float(flatten.numbers(scale, "scale")),
        "growth_factor": noted["_growth_factor"],
        "backoff_factor": noted["_backoff_factor"],
        "growth_interval": noted["_growth_interval"],
        "_growth_tracker": noted["_init_growth_tracker"] if grown is None else int(flatten.numbers(grown, "growth")),
    }


def _scheduler(scheduler: Any, flatten: Flattener) -> dict[str, Any]:
    """For the reader: a step does not move it."""
    kept = {key: value for key, value in vars(scheduler).items() if isinstance(value, (bool, int, float, str, list, tuple))}
    return {"class": type(scheduler).__name__, "state": {key: Flattener()(value) for key, value in kept.items()}}


# -- into another training --------------------------------------------------------------------------------------------


def fitting(parts: Parts, state: Mapping[str, Any]) -> Parts:
    """The parts that the state is of.

    Raises:
        SetupError: it is of another model, optimizer or scaler; what does not fit is named.
    """
    several = [name for name in state["classes"] if name != "loss_fn"]
    if len(several) > 1 and not set(several) <= parts.models.keys():
        named = ", ".join(several)
        raise SetupError(f"the step trained several models ({named}), and a TrainingSetup has one: put them into one nn.Module")
    if "loss_fn" not in state["classes"]:  # the weights of its classes, say, which whoever wrote this took for no model
        parts = replace(parts, models={name: model for name, model in parts.models.items() if name != "loss_fn"})
    _demand_fit(parts, state)
    return parts


def _demand_fit(parts: Parts, state: Mapping[str, Any]) -> None:
    kept = {name: numbers for what in ("parameters", "buffers") for name, numbers in state[what].items()}
    if not parts.optimizers:
        kept = {name: numbers for name, numbers in kept.items() if not name.startswith("optimizer[")}
    unlike = [*_unlike(kept, parts.parameters() | parts.buffers()), *_other_modules(state["modes"].keys(), dict(parts.modules()).keys())]
    if unlike:
        more = f", and {len(unlike) - MOST_NAMED} more" if len(unlike) > MOST_NAMED else ""
        raise SetupError(f"this is not the model of the capsule: {'; '.join(unlike[:MOST_NAMED])}{more}")
    if len(parts.optimizers) not in (0, len(state["optimizers"])):
        raise SetupError(f"the step had {len(state['optimizers'])} optimizers, the setup has {len(parts.optimizers)}")
    names = parts.names()
    for optimizer, kept in zip(parts.optimizers, state["optimizers"], strict=False):
        if type(optimizer).__name__ != kept["class"]:
            raise SetupError(f"the step had the optimizer {kept['class']}, the setup has {type(optimizer).__name__}")
        here = [[names[id(p)] for p in group["params"]] for group in optimizer.param_groups]
        if here != [group["parameters"] for group in kept["groups"]]:
            sizes = [len(group["parameters"]) for group in kept["groups"]], [len(group) for group in here]
            raise SetupError(f"{kept['class']} had groups of {sizes[0]} parameters, here of {sizes[1]}, or in another order")
    had, has = (sum(enabled) for enabled in ([s["enabled"] for s in state["scalers"]], [s.is_enabled() for s in parts.scalers]))
    if had and not has:
        raise SetupError("the step was trained with a GradScaler: pass TrainingSetup(scaler=...)")
    if has and not had:
        raise SetupError("the step was trained without a GradScaler: pass TrainingSetup(scaler=None)")


def _unlike(kept: Mapping[str, Tensor], here: Mapping[str, Tensor]) -> Iterator[str]:
    for name in [name for name in kept if name not in here]:
        yield f"{name} {_shape(kept[name])} is missing here"
    for name in [name for name in here if name not in kept]:
        yield f"{name} {_shape(here[name])} is not in the capsule"
    for name in [name for name in kept if name in here]:
        if kept[name].shape != here[name].shape:
            yield f"{name} is {_shape(kept[name])} in the capsule and {_shape(here[name])} here"
        elif kept[name].dtype != here[name].dtype:
            yield f"{name} is {kept[name].dtype} in the capsule and {here[name].dtype} here"


def _other_modules(kept: Set[str], here: Set[str]) -> Iterator[str]:
    """Layers without parameters, such as a dropout."""
    yield from (f"{path} is missing here" for path in sorted(kept - here))
    yield from (f"{path} is not in the capsule" for path in sorted(here - kept))


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def put_in(parts: Parts, state: Mapping[str, Any], *, gradients: bool) -> list[str]:
    """Writes the state into the training, in place; what is returned could not be written.

    Args:
        gradients: also those that the step began with; otherwise there are none, as after zero_grad().
    """
    parameters, buffers = parts.parameters(), parts.buffers()
    troubles = [write_values(here, state["parameters"][name]) for name, here in parameters.items()]
    troubles += [write_values(here, state["buffers"][name]) for name, here in buffers.items()]
    for name, parameter in parameters.items():
        parameter.requires_grad_(state["trained"][name])
        gradient = state["gradients"].get(name) if gradients else None
        parameter.grad = None if gradient is None else gradient.to(parameter.device, copy=True)
    modules = dict(parts.modules())
    for path, mode in state["modes"].items():
        modules[path].training = mode
    for path, name, flat in state["carried"]:
        if not _is_lost(flat):
            vars(modules[path])[name] = rebuilt(flat)
    for optimizer, kept in zip(parts.optimizers, state["optimizers"], strict=False):
        _fill_optimizer(optimizer, kept, parameters)
    for scaler, kept in zip(parts.scalers, state["scalers"], strict=False):
        if kept["enabled"]:
            scaler.load_state_dict({key: value for key, value in kept.items() if key != "enabled"})
    return [trouble for trouble in troubles if trouble]


def _fill_optimizer(optimizer: Optimizer, kept: Mapping[str, Any], parameters: Mapping[str, Tensor]) -> None:
    """Not by load_state_dict, which casts; the groups stay the same objects, because schedulers hold them."""
    for group, saved in zip(optimizer.param_groups, kept["groups"], strict=True):
        group.update({key: rebuilt(flat) for key, flat in saved["options"].items() if not _is_lost(flat)})
    optimizer.state.clear()
    for key, flat in kept["state"]:
        owner = rebuilt(key, parameters)
        optimizer.state[owner] = rebuilt(flat, parameters)
        if isinstance(owner, Tensor) and owner.device.type != "cpu":
            _move(optimizer.state[owner], owner)


def _is_lost(flat: Any) -> bool:
    return isinstance(flat, dict) and flat.get("kind") == "lost"


def _move(state: dict[str, Any], owner: Tensor) -> None:
    """Moments lie beside their parameter; a count of steps stays on the CPU, as optimizers have it."""
    for key, value in state.items():
        if isinstance(value, Tensor) and value.ndim:
            state[key] = value.to(owner.device)
