"""Checks of the training curve: underfitting and plateau. A short run gets no verdict."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from nbdebug import curve_shapes
from nbdebug.curve_shapes import middle
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.checks.direction import made_at
from nbdebug.instruments.watch.reading.learning import (
    Loss,
    demand_ordered,
    learns_in_validation,
    only_loss,
    trained_model,
)
from nbdebug.instruments.watch.reading.motion import motions, set_at, usual_place
from nbdebug.instruments.watch.reading.written import everything
from nbdebug.instruments.watch.result import Rival, WatchResult
from nbdebug.instruments.watch.session import watched

LONG = 300  # steps from which on a loss that stays at chance is said to; our choice: small tasks leave it within 200
EPOCHS = 3  # that the data must have been seen, where there are epochs
MOVING = 1e-4  # update over weight that is healthy enough; our choice, a tenth of the usual thousandth
FROM_ABOVE = 1.15  # times a constant prediction's loss, that a loss began at which then fell to it: a plateau, not underfitting
UNFINISHED = 0.1  # of the first loss; a plateau below it is the bottom; our choice
WRITES = ("copy_", "clamp_", "clamp_min_", "clamp_max_", "fill_", "zero_", "lerp_", "requires_grad_")  # to a weight, beside an optimizer
BETTER = 0.9  # of the first loss, that it must have come down to before its plateau is mentioned; our choice


@watched.check(
    "ND704", "underfitting", severity=WARNING,
    advice="overfit one batch first: nbdebug.overfit; then look at labels, inputs and the size of the model",
)  # fmt: skip
def underfitting(result: WatchResult) -> Iterator[Seen]:
    """Weights move and move, and the training loss stays what it was without having learnt.

    Wrong: the inputs do not tell the targets, the model cannot express it, or labels and samples do not belong together.
    Seen: over at least 300 steps and 3 epochs the training loss stays within 5 % of what the best constant prediction would
        get on the targets seen, from the beginning on, and does not fall, while updates are healthy (1e-4 of the weights or more). Losses that
        cannot be compared with a constant prediction, or play against each other, are not accused. Or a loss stands high after 150 steps and more, and on the samples it
        was trained on kernel ridge regression, each predicted from the others, has less than 0.4 of the model's error and a quarter of that of a constant prediction less,
        while some hundred steps of a plain Adam do not bring the same model there. A model that explains two thirds and more is left alone.
        Of tokens in a row the rival is a count of what follows which, of the other sequences: a model that has less than half of what these gain over the shares of the tokens.
    Where: the line that builds the model, else that of the backward pass; the steps.
    Try: overfit a single batch; if that works the data are to blame, if not the model.
    Bad:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(330):
            x, y = torch.randn(32, 64), targets[torch.randint(0, 192, (32,))]
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    Good:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(330):
            rows = torch.randint(0, 192, (32,))
            optimizer.zero_grad()
            loss_fn(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    Source: Goodfellow, Bengio, Courville, Deep Learning, 5.2; thresholds are our choice.
    """
    if result.rival is not None and result.rival.tells:
        if not _is_plateau(result, result.rival):
            yield _cannot(result, result.rival)
        return
    loss = _demand_long(result)
    if loss.constant is None or _came_from_above(loss):
        return
    falls = curve_shapes.fell(loss.values[len(loss.values) // 2 :])
    stays = loss.at_constant(1.0) and loss.knows_a_constant() and not falls
    if not stays or not _is_moving(result) or learns_in_validation(result, loss):
        return
    yield Seen(
        f"after {result.steps} steps the training loss is {curve_shapes.end(loss.values, 1 / 3):.4g}, and the best constant prediction "
        f"gets {loss.constant:.4g}: {_of_model(result)}uses nothing of the inputs, though updates are {_pace(result):.1e} of the weights",
        _where(result, f"{loss.track.name}, steps 0 to {result.steps - 1}"),
        {"loss": curve_shapes.end(loss.values, 1 / 3), "constant": loss.constant, "steps": result.steps},
    )


@watched.check(
    "ND705", "plateau", severity=WARNING,
    advice="look at what the predictions are: if they are all alike, inputs, labels or a dead layer are the reason",
)  # fmt: skip
def plateau(result: WatchResult) -> Iterator[Seen]:
    """The loss fell to what a constant prediction gets, and stayed there.

    Wrong: the model learnt the mean, or the frequencies of the classes, and nothing of the inputs.
    Seen: since half of at least 300 steps the training loss neither falls nor rises beyond its noise, at 0.95 times or more
        of what the best constant prediction gets, below where it began, and weights still move. A plateau at a lower
        level may well be all that there is to learn; it is mentioned when it lies above a tenth of the first loss. Or it stands high where kernel ridge regression is far
        better (as for ND704) and some hundred steps of a plain Adam, from the same weights, halve the model's error (it is only mentioned where a schedule had brought the rate down, and steps as small as the last ones do not halve it); or where nearly all classes are right and the loss
        is half of a constant prediction's all the same; or, of a loss of one's own, where the outputs differ by less than a hundredth from sample to sample.
    Where: the line that builds the model, else that of the backward pass; the steps.
    Try: compare the predictions for different samples; check inputs, labels and dead layers; another learning rate.
    Bad:
        model = nn.Linear(64, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-1)
        for step in range(400):
            rows = torch.randint(0, 192, (32,))
            optimizer.zero_grad()
            F.mse_loss(model(0.1 * torch.randn(32, 64)), 5 + inputs[rows, :1]).backward()
            optimizer.step()
    Good:
        model = nn.Linear(64, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-1)
        for step in range(400):
            rows = torch.randint(0, 192, (32,))
            optimizer.zero_grad()
            F.mse_loss(model(inputs[rows]), 5 + inputs[rows, :1]).backward()
            optimizer.step()
    Source: our choice; that models first learn the mean is known from the dynamics of linear nets (Saxe et al., 2014).
    """
    if result.rival is not None and result.rival.tells:
        if result.rival.is_wound_down:
            yield _is_wound_down(result, result.rival)
        elif _is_plateau(result, result.rival):
            yield _is_stuck(result, result.rival) if result.rival.is_stuck else _cannot(result, result.rival)
        return
    if result.rival is not None and result.rival.is_collapsed:
        yield _is_collapsed(result, result.rival)
        return
    if result.rival is not None and result.rival.is_capped:
        yield _is_capped(result, result.rival)
        return
    loss = _demand_long(result)
    values = loss.values
    first = curve_shapes.plateau_since(values)
    if first is None:
        return
    level, since = middle(values[first:]), loss.track.steps[first]
    place = _where(result, f"{loss.track.name}, steps {since} to {result.steps - 1}")
    evidence = {"loss": level, "constant": loss.constant, "since": since, "steps": result.steps}
    stuck = loss.knows_a_constant() and _came_from_above(loss)
    if stuck and _is_moving(result) and not learns_in_validation(result, loss):
        yield Seen(
            f"since step {since} of {result.steps} the training loss stands at {level:.4g}, which is what the best constant "
            f"prediction gets ({loss.constant:.4g}): what {_of_model(result)}predicts may all be alike",
            place, evidence,
        )  # fmt: skip
    elif not loss.at_constant() and UNFINISHED < level / curve_shapes.begin(values) < BETTER:
        yield Seen(
            f"since step {since} of {result.steps} the training loss stands at {level:.4g}; more steps of this kind bring nothing",
            place, evidence, severity=INFO, advice="lower the learning rate, or be content: the rest may be noise",
        )  # fmt: skip


def _is_plateau(result: WatchResult, rival: Rival) -> bool:
    """Whether it came down to where it stands, or could leave it, so that more than the size of the model may hold it there."""
    loss = only_loss(result)
    if rival.task == "tokens":  # all of them begin above the shares of the tokens
        return rival.is_stuck
    return rival.is_stuck or (not rival.is_linear and loss is not None and loss.knows_a_constant() and _came_from_above(loss))


def _cannot(result: WatchResult, rival: Rival) -> Seen:
    """Another model finds in the same samples what this one does not, with other steps neither."""
    return Seen(
        f"{_stands(result)}: {_of_model(result)}{_got(rival.task, rival.network)} on {rival.samples} of the samples it was trained on, where "
        f"{'a count of what follows which token' if rival.task == 'tokens' else 'kernel ridge regression'} {_got(rival.task, rival.rival)}, each predicted from the others{_again(rival)}",
        _where(result, f"steps 0 to {result.steps - 1}"), _evidence(rival),
        advice="a model that can express it: wider layers, a nonlinearity between them, features or a resolution that keep what tells the targets",
    )  # fmt: skip


def _is_stuck(result: WatchResult, rival: Rival) -> Seen:
    """The model could, and the training does not get it there."""
    return Seen(
        f"{_stands(result)}: {_of_model(result)}{_got(rival.task, rival.network)} on {rival.samples} of the samples it was trained on; from "
        f"the same weights some hundred steps of a plain Adam, with all parameters free, bring it to where it {_got(rival.task, rival.again)}",
        replace(_writes_besides(result) or usual_place(result, "step"), detail=f"steps 0 to {result.steps - 1}"), _evidence(rival),
        advice="the model can, and the loop does not get it there: look at what else writes to the weights or freezes them, at the loss, the optimizer and its rate",
    )  # fmt: skip


def _is_wound_down(result: WatchResult, rival: Rival) -> Seen:
    """The model could; the schedule left it too small steps for that, which may be meant."""
    return Seen(
        f"{_stands(result)}, since the learning rate has come down: {_of_model(result)}{_got(rival.task, rival.network)} on {rival.samples} of the samples it was trained on, "
        f"and {_got(rival.task, rival.paced)} after as small steps as the last ones; some hundred steps of a plain Adam bring it to where it {_got(rival.task, rival.again)}",
        replace(usual_place(result, "step"), detail=f"steps 0 to {result.steps - 1}"), {**_evidence(rival), "paced": rival.paced}, severity=INFO,
        advice="a schedule that comes down more slowly, or more epochs",
    )  # fmt: skip


def _writes_besides(result: WatchResult) -> Location | None:
    """The one line of a function of the user's that writes to tensors in place or freezes them, beside the optimizer; none of those that build a model."""
    known = ((s, n) for s in everything(result) if s.name not in ("", "__init__") for n in s.nodes() if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in WRITES)
    found = {s.place(n) for s, n in known}
    return found.pop() if len(found) == 1 else None


def _is_collapsed(result: WatchResult, rival: Rival) -> Seen:
    """The same output for all samples, at a loss that no longer moves."""
    return Seen(
        f"{_stands(result)}, and the outputs of {_of_model(result)}are alike for {rival.samples} of the samples it was trained on: from one to the other "
        f"they differ by {rival.spread:.1%} of their size or their targets' at most. A loss that is low enough where all is the same has drawn them together",
        replace(made_at(result, usual_place(result, "backward")), detail=f"steps 0 to {result.steps - 1}"), {"spread": rival.spread, "samples": rival.samples},
        advice="weigh the parts of the loss: what pulls outputs together (a KL term, a penalty, the hardest negatives) against what tells samples apart; warm it up",
    )  # fmt: skip


def _is_capped(result: WatchResult, rival: Rival) -> Seen:
    """The right classes, with scores that lie too near to each other for the loss to fall."""
    return Seen(
        f"{_stands(result)}, {rival.loss:.0%} of what the best constant prediction gets, though {_of_model(result)}{_got(rival.task, rival.network)} on "
        f"{rival.samples} of the samples it was trained on: it is right, and cannot say so any surer",
        _where(result, f"steps 0 to {result.steps - 1}"), _evidence(rival),
        advice="what bounds the scores, or keeps the loss up: a small scale of normalised outputs, a squashing last layer, a floor under the loss",
    )  # fmt: skip


def _stands(result: WatchResult) -> str:
    loss = only_loss(result)
    return f"the training loss stands at {curve_shapes.end(loss.values):.4g} after {result.steps} steps" if loss is not None else "the training stands still"


def _got(task: str, error: float | None) -> str:
    if task == "tokens":
        return f"has {error:.0%} of the loss that the shares of the tokens have"
    return f"leaves {error:.0%} of the variance unexplained" if task == "numbers" else f"is wrong {error:.0%} as often as one class for all"


def _again(rival: Rival) -> str:
    return f"; some hundred steps of a plain Adam do not get the same model further than {rival.again:.0%}" if rival.again is not None else ""


def _evidence(rival: Rival) -> dict[str, float | int | str | bool | None]:
    return {"network": rival.network, "rival": rival.rival, "again": rival.again, "samples": rival.samples}


def _demand_long(result: WatchResult) -> Loss:
    loss = demand_ordered(result)
    if len(loss.values) < LONG and result.steps < LONG:
        raise NotChecked(f"because {result.steps} steps were seen, and {LONG} are needed")
    trained = [loader.epochs for loader in result.loaders if loader.epochs]
    if trained and max(trained) < EPOCHS and len(trained) < EPOCHS:
        raise NotChecked(f"because the data were not seen {EPOCHS} times")
    return loss


def _came_from_above(loss: Loss) -> bool:
    """Whether it began higher than a constant prediction, by more than its noise."""
    constant, first = loss.constant or 0.0, loss.values[: 2 * curve_shapes.WINDOW]
    margin = max((FROM_ABOVE - 1) * constant, curve_shapes.SURE * curve_shapes.error(loss.values, len(first)))
    return middle(first) - constant > margin or loss.values[0] > 2 * (constant + margin)


def _of_model(result: WatchResult) -> str:
    model = trained_model(result)
    return f"`{model.name}` ({model.kind}, {model.parameters:,} parameters) " if model is not None else "the model "


def _where(result: WatchResult, detail: str) -> Location:
    """Where the model is built; else the backward pass."""
    model, place = trained_model(result), replace(usual_place(result, "backward"), detail=detail)
    return set_at(result, model.name, place) if model is not None else place


def _pace(result: WatchResult) -> float:
    return max((m.ratio for m in motions(result) if m.steps), default=0.0)


def _is_moving(result: WatchResult) -> bool:
    return _pace(result) >= MOVING
