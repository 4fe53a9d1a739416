"""Which column is what: training loss, validation loss, learning rate, by name or as the user says."""

from __future__ import annotations

import difflib
import re

from nbdebug.errors import SetupError
from nbdebug.instruments.fit.reading.columns import Columns
from nbdebug.instruments.fit.result import Course, Taken

TRAINING, VALIDATION, EVALUATED = "training loss", "validation loss", "training loss, evaluated"
RATE, NORM, TRAINING_ACCURACY, VALIDATION_ACCURACY = "learning rate", "gradient norm", "training accuracy", "validation accuracy"
ORDER = (TRAINING, VALIDATION, EVALUATED, TRAINING_ACCURACY, VALIDATION_ACCURACY, RATE, NORM)

_LOSS = {"loss", "losses", "nll", "bce", "xent", "crossentropy", "mse", "mae", "rmse", "objective", "criterion", "elbo", "cost"}
_ACCURACY = {"acc", "accuracy", "top1", "f1"}
_BETTER_HIGH = _ACCURACY | {"reward", "rewards", "return", "returns", "score", "auc", "auroc", "iou", "miou", "dice", "bleu", "map", "psnr", "success"}
_TRAIN = {"train", "training", "tr", "trn"}
_VALID = {"val", "valid", "validation", "eval", "evaluation", "dev", "test", "heldout"}
_GRAIN = {"step", "epoch", "epochs", "avg", "average", "mean", "running", "total", "metrics", "batch", "iter", "dataloader", "idx", "0", "overall", "by"}
_AGAINST = {"g", "d", "gen", "disc", "generator", "discriminator", "critic", "actor", "policy", "value", "adv", "adversarial", "q", "alpha", "fake", "real"}
HEARD = "validation loss"  # what a watch calls the losses that it saw without a backward pass
_FEW = 8  # epoch means below which single steps are rather looked at


def words_of(name: str) -> list[str]:
    """`valLoss/epoch_1` in lower case words."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[^a-zA-Z0-9]+", spaced.lower()) if word]


def is_better_high(name: str) -> bool:
    """Whether the name is that of something that should rise."""
    words = set(words_of(name))
    return bool(words & _BETTER_HIGH) and not words & _LOSS


def plays_against(courses: dict[str, Course], training: str) -> bool:
    """Whether this is one of several losses of which one may rise because another falls: GANs, actor and critic."""
    rivals = [name for name in courses if _is_loss(name) and set(words_of(name)) & _AGAINST]
    return bool(set(words_of(training)) & _AGAINST) and len(rivals) >= 2


def take(columns: Columns, training: str | None, validation: str | None) -> tuple[tuple[Taken, ...], dict[str, Course]]:
    """What each column is taken for, and the curves by their roles.

    Raises:
        SetupError: no column or several could be the training loss, or the validation loss; or there is none of the name that was said.
    """
    courses = columns.courses
    chosen: dict[str, tuple[str, str]] = {}
    name, why = _said(columns, training, "training") if training is not None else _training(columns)
    chosen[TRAINING] = name, why
    if validation != "none":
        found = _said(columns, validation, "validation") if validation is not None else _validation(columns, name)
        chosen |= {VALIDATION: found} if found is not None else {}
    used = {name for name, _ in chosen.values()}
    for role, fits in _OTHERS.items():
        named = [n for n in courses if n not in used and fits(set(words_of(n)))]
        if named:
            chosen[role] = max(named, key=lambda n: (len(courses[n]), -len(n))), "by its name"
    ordered = {role: chosen[role] for role in ORDER if role in chosen}
    taken = tuple(Taken(role, name, why, len(courses[name])) for role, (name, why) in ordered.items())
    return taken, {role: courses[name] for role, (name, _) in ordered.items()}


_OTHERS = {
    EVALUATED: lambda words: bool(words & _LOSS and words & _TRAIN and words & (_VALID - {"val", "valid", "validation", "test", "dev"})),
    TRAINING_ACCURACY: lambda words: bool(words & _ACCURACY) and not words & _VALID,
    VALIDATION_ACCURACY: lambda words: bool(words & _ACCURACY and words & _VALID) and not words & _TRAIN,
    RATE: lambda words: "lr" in words or {"learning", "rate"} <= words,
    NORM: lambda words: bool(words & {"grad", "gradient"} and "norm" in words) or "gradnorm" in words,
}  # fmt: skip


def _said(columns: Columns, name: str, option: str) -> tuple[str, str]:
    if name not in columns.courses:
        near = difflib.get_close_matches(name, columns.courses, 1, 0.5)
        meant = f": did you mean {near[0]!r}?" if near else ""
        kind = "has no numbers" if name in columns.texts else "does not exist"
        raise SetupError(f'the column {name!r} {kind} in {columns.about}{meant or f": {option} is one of {_listed(columns)}"}')
    return name, "as you said"


def _training(columns: Columns) -> tuple[str, str]:
    named = [name for name in columns.courses if _is_loss(name) and not set(words_of(name)) & _VALID]
    found = _narrowed(columns, named, _TRAIN)
    if len(found) == 1:
        return found[0], "by its name"
    if not named and len(columns.courses) == 1 and not set(words_of(only := next(iter(columns.courses)))) & (_VALID | _BETTER_HIGH):
        return only, "the only column"
    if not found:
        raise SetupError(f'no column of {columns.about} is a training loss by its name: say which, as in training="..."; there are {_listed(columns)}')
    raise SetupError(f'{_and(found)} could each be the training loss: say which, as in training="{found[0]}"; there are {_listed(columns)}')


def _validation(columns: Columns, training: str) -> tuple[str, str] | None:
    named = [name for name in columns.courses if name != training and _is_loss(name) and set(words_of(name)) & _VALID and not set(words_of(name)) & _TRAIN]
    better = [name for name in named if "test" not in words_of(name)] or named
    found = _narrowed(columns, better, _VALID)
    if len(found) > 1:  # a watch heard one itself, and the user logged his own: he knows best
        found = [name for name in found if name != HEARD] or found
    if len(found) > 1:
        said = f'say which, as in validation="{found[0]}", or validation="none"'
        raise SetupError(f"{_and(found)} could each be the validation loss: {said}; there are {_listed(columns)}")
    return (found[0], "by its name") if found else None


def _is_loss(name: str) -> bool:
    words = words_of(name)
    return bool(set(words) & _LOSS) or any(word.endswith("loss") for word in words)


def _narrowed(columns: Columns, named: list[str], split: set[str]) -> list[str]:
    """Those whose name says nothing but the split and that it is a loss; of a step's and an epoch's values one; of few and many values the many."""
    named = [name for name in named if columns.courses[name].finite()[0]] or named
    most = max((len(columns.courses[name]) for name in named), default=0)
    long = [name for name in named if len(columns.courses[name]) >= min(_FEW, most)] or named
    plain = [name for name in long if not set(words_of(name)) - split - _GRAIN - {"loss"}]
    found = plain or long
    if len(found) > 1:
        of_epochs = [name for name in found if "epoch" in words_of(name) and len(columns.courses[name]) >= _FEW]
        of_steps = [name for name in found if "step" in words_of(name)]
        cores = {frozenset(set(words_of(name)) - _GRAIN) for name in found}
        found = (of_epochs or of_steps or found) if len(cores) == 1 else found
    return found


def _listed(columns: Columns) -> str:
    names = list(columns.courses)
    return ", ".join(names[:20]) + (" …" if len(names) > 20 else "")


def _and(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) < 6 else f"{', '.join(names[:5])} and {len(names) - 5} more"
