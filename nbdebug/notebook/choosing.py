"""One choice a role: which variable plays it, why, and which others could have.

The optimizer decides between models, names between loaders and losses; where neither does, the user is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from nbdebug.errors import SetupError
from nbdebug.notebook.candidates import (
    Variable,
    has_usual_name,
    is_for_training,
    loss_rank,
    shuffles,
    takes_outputs_and_targets,
    validation_rank,
)
from nbdebug.notebook.ownership import (
    disjoint,
    families,
    holds,
    parameters_of,
    several,
    size,
    trainers,
    updated_by,
)
from nbdebug.notebook.search import SAY, Search, by_usual_name, listed


def choose_model(search: Search) -> None:
    models = search.candidates("model")
    if not models:
        raise SetupError(
            f"no model was found: none of the variables is a torch.nn.Module other than a loss; make one, or say {SAY} model=..."
        )
    if len(models) == 1:
        search.take("model", models, "the only model")
        return
    optimizers = search.optimizers()
    trained = [m for m in models if trainers(m, optimizers)]
    family = _one_family(trained or [m for m in models if parameters_of(m.value)] or models, optimizers)

    def fitness(model: Variable) -> tuple[int, bool, int]:
        return len(parameters_of(model.value) & updated_by(*optimizers)), has_usual_name(model, "model"), size(model)

    best = max(family, key=fitness)
    search.take("model", [best], _why_this_model(best, family, optimizers))
    for model in models:
        if model is not best:
            search.leave("model", [model], _why_not(model, best, family, trained))


def _one_family(models: list[Variable], optimizers: list[Variable]) -> list[Variable]:
    """The models that belong together, among which the whole is looked for."""
    groups = families(models)
    if len(groups) > 1:
        named = [group for group in groups if any(has_usual_name(m, "model") for m in group)]
        if len(named) != 1:
            raise SetupError(_which_model([max(group, key=size) for group in groups], optimizers))
        groups = named
    return groups[0]


def _which_model(models: list[Variable], optimizers: list[Variable]) -> str:
    named = [f"{m.name} (trained by {listed(t)})" if (t := trainers(m, optimizers)) else m.name for m in models]
    return f"{' and '.join(named)} could each be the model: say which, as in {SAY} model={models[0].name}"


def _why_this_model(best: Variable, family: list[Variable], optimizers: list[Variable]) -> str:
    if owners := trainers(best, optimizers):
        return f"{listed(owners)} trains it" if len(owners) == 1 else f"{listed(owners)} train it"
    return "by its name" if has_usual_name(best, "model") else "the largest" if len(family) > 1 else "the only one with parameters"


def _why_not(model: Variable, best: Variable, family: list[Variable], trained: list[Variable]) -> str:
    if holds(best.value, model.value):
        return f"is part of {best.name}"
    if model in family:
        return f"shares parameters with {best.name}"
    if trained and model not in trained:
        return "no optimizer owns its parameters"
    return f"{best.name} was preferred by its name"


def choose_optimizer(search: Search) -> None:
    optimizers, model = search.candidates("optimizer"), search.value("model")
    if not optimizers or not isinstance(model, nn.Module):
        return
    name = search.taken["model"].variable
    owners = trainers(Variable(model, (name,)), optimizers)
    if not owners and len(optimizers) == 1:
        search.take("optimizer", optimizers, f"the only optimizer, though it owns no parameter of {name}")
        return
    search.leave("optimizer", [o for o in optimizers if o not in owners], f"owns no parameter of {name}")
    if len(owners) > 1 and not disjoint(owners):
        owners, rest = by_usual_name(owners, "optimizer", f"{listed(owners)} own the same parameters of {name}")
        search.leave("optimizer", rest, f"owns the same parameters as {owners[0].name}")
    if owners:
        search.take("optimizer", owners, f"owns parameters of {name}" if len(owners) == 1 else f"each owns a part of {name}")


def choose_scheduler(search: Search) -> None:
    schedulers = search.candidates("scheduler")
    inner = {id(part) for s in schedulers for part in getattr(s.value, "_schedulers", ())}
    whole = [s for s in schedulers if id(s.value) not in inner]
    search.leave("scheduler", [s for s in schedulers if id(s.value) in inner], "is part of another scheduler")
    chosen = {id(optimizer) for optimizer in several(search.value("optimizer"))}
    fitting = [s for s in whole if id(getattr(s.value, "optimizer", None)) in chosen]
    if fitting:
        search.take("scheduler", fitting, f"steps {search.taken['optimizer'].variable}")
    search.leave("scheduler", [s for s in whole if s not in fitting], "belongs to another optimizer")


def choose_scaler(search: Search) -> None:
    scalers = search.candidates("scaler")
    if len(scalers) > 1:
        scalers, rest = by_usual_name(scalers, "scaler", f"{listed(scalers)} are both gradient scalers")
        search.leave("scaler", rest, f"{scalers[0].name} was preferred")
    if scalers:
        search.take("scaler", scalers, "the only GradScaler")


def choose_loss(search: Search) -> None:
    if search.value("batch_loss") is not None:
        search.leave("loss_fn", search.candidates("loss_fn"), "batch_loss makes the loss")
        return
    losses = search.candidates("loss_fn")
    unfit = [v for v in losses if not isinstance(v.value, nn.Module) and not takes_outputs_and_targets(v.value)]
    search.leave("loss_fn", unfit, "cannot be called as loss_fn(outputs, targets): wrap it and say batch_loss=...")
    losses = [v for v in losses if v not in unfit]
    best = [v for v in losses if loss_rank(v) == min(map(loss_rank, losses))]
    if len(best) > 1 and loss_rank(best[0]) == 3:
        search.leave("loss_fn", best, "imported, as others are too")
        return
    if len(best) > 1:
        raise SetupError(f"{listed(best)} could each be the loss: say which, as in {SAY} loss_fn={best[0].name}")
    why = ("by its name", "the only loss", "the only function named as a loss", "the only loss imported")
    if best:
        search.take("loss_fn", best, why[loss_rank(best[0])])
        search.leave("loss_fn", [v for v in losses if v not in best], f"{best[0].name} is more likely")


def choose_batch_loss(search: Search) -> None:
    if "loss_fn" not in search.taken and (functions := search.candidates("batch_loss")):
        search.take("batch_loss", functions[:1], "by its name")


def choose_train_loader(search: Search) -> None:
    loaders = [v for v in search.candidates("train_loader") if v.value is not search.value("val_loader")]
    named = [v for v in (_called(v, is_for_training) for v in loaders) if v]
    nameless = [v for v in loaders if not any(is_for_training(n) or validation_rank(n) is not None for n in v.names)]
    if named:
        chosen, rest = named, []
        if len(named) > 1:
            trouble = f"{listed(named)} are all named as training loaders"
            chosen, rest = by_usual_name(named, "train_loader", trouble)
        search.take("train_loader", chosen, "by its name")
        search.leave("train_loader", rest, f"{chosen[0].name} was preferred by its name")
    elif len(nameless) == 1:
        search.take("train_loader", nameless, "the only loader left" if len(loaders) > 1 else "the only loader")
    elif nameless:
        shuffled = [v for v in nameless if shuffles(v.value)]
        if len(shuffled) != 1:
            raise SetupError(
                f"{listed(nameless)} could each be the training loader: say which, as in {SAY} train_loader={nameless[0].name}"
            )
        search.take("train_loader", shuffled, "the only loader that shuffles")


def choose_val_loader(search: Search) -> None:
    loaders = search.candidates("val_loader")
    ranked = [(validation_rank(v.name), v) for v in (_called(v, lambda n: validation_rank(n) is not None) for v in loaders) if v]
    ranked.sort(key=lambda pair: (pair[0], not has_usual_name(pair[1], "val_loader")))
    if ranked:
        search.take("val_loader", [ranked[0][1]], "by its name")
        search.leave("val_loader", [v for _, v in ranked[1:]], f"{ranked[0][1].name} was preferred by its name")
        return
    train = search.value("train_loader")
    nameless = [v for v in loaders if v.value is not train and not any(is_for_training(n) for n in v.names)]
    if train is not None and len(nameless) == 1 and not shuffles(nameless[0].value):
        search.take("val_loader", nameless, "the only other loader, and it does not shuffle")
    else:
        search.leave("val_loader", nameless, "its name does not say what it is for")


def _called(variable: Variable, fits: Callable[[str], bool]) -> Variable | None:
    """The variable under those of its names that fit; None when none does."""
    names = tuple(name for name in variable.names if fits(name))
    return Variable(variable.value, names) if names else None


CHOOSERS = {
    "model": choose_model, "optimizer": choose_optimizer, "scheduler": choose_scheduler, "scaler": choose_scaler,
    "batch_loss": choose_batch_loss, "loss_fn": choose_loss, "train_loader": choose_train_loader,
    "val_loader": choose_val_loader,
}  # fmt: skip
