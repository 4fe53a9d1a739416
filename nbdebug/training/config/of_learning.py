"""What is minimised, by which optimizer, on which schedule."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, ClassVar

import torch
from pydantic import BeforeValidator, model_validator

from nbdebug.training.config.section import Section
from nbdebug.training.config.values import (
    Count,
    CountOrNone,
    Flag,
    Fraction,
    NotNegative,
    Plain,
    Positive,
    Wrong,
    did_you_mean,
    number,
    one_of,
    plain,
    shown,
    whole,
)

LOSSES = {  # the config's own words for torch's classes; the names of the classes are known as well
    "cross_entropy": "CrossEntropyLoss", "ce": "CrossEntropyLoss", "focal": "focal", "focal_loss": "focal", "bce": "BCEWithLogitsLoss",
    "bce_with_logits": "BCEWithLogitsLoss", "binary_cross_entropy": "BCEWithLogitsLoss", "mse": "MSELoss", "l2": "MSELoss", "mean_squared_error": "MSELoss",
    "l1": "L1Loss", "mae": "L1Loss", "huber": "HuberLoss", "smooth_l1": "SmoothL1Loss", "nll": "NLLLoss",
}  # fmt: skip
CLASSES = {name: cls for name, cls in vars(torch.optim).items() if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)}
OPTIMIZERS = {name: cls for name, cls in CLASSES.items() if cls is not torch.optim.Optimizer}
OPTIMIZER_WORDS = {"adamw_torch": "AdamW", "adamw_torch_fused": "AdamW", "adamw_hf": "AdamW", "momentum": "SGD"}
OF_YOUR_OWN = ": one of your own goes into the setup"
SCHEDULES = ("constant", "linear", "cosine", "polynomial", "onecycle", "restarts", "step", "multistep", "exponential", "plateau")
SCHEDULE_WORDS = {
    "CosineAnnealingLR": "cosine", "cosine_annealing": "cosine", "cosine_with_warmup": "cosine", "warmup_cosine": "cosine", "LinearLR": "linear",
    "linear_with_warmup": "linear", "warmup_linear": "linear", "PolynomialLR": "polynomial", "poly": "polynomial", "OneCycleLR": "onecycle",
    "one_cycle": "onecycle", "1cycle": "onecycle", "CosineAnnealingWarmRestarts": "restarts", "cosine_with_restarts": "restarts", "StepLR": "step",
    "MultiStepLR": "multistep", "ExponentialLR": "exponential", "ReduceLROnPlateau": "plateau", "reduce_lr_on_plateau": "plateau", "ConstantLR": "constant",
    "constant_with_warmup": "constant", "none": "constant", "LambdaLR": "constant",
}  # fmt: skip
INTERVAL_WORDS = {"steps": "step", "epochs": "epoch", "batch": "step"}
KINDS = {plain(word): kind for word, kind in {**SCHEDULE_WORDS, **{kind: kind for kind in SCHEDULES}}.items()}
BY_EPOCH = frozenset({"step", "multistep", "exponential", "plateau", "restarts"})  # whose numbers count epochs by custom, as in torch's examples


def _two_numbers(value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"must be a list of 2 numbers, got {shown(value)}")
    return [number(least=0)(item) for item in value]


def _whole_numbers(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"must be a list of whole numbers, such as [30, 60], got {shown(value)}")
    return [whole(1)(item) for item in value]


def _class_weights(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return "balanced" if value else None
    if isinstance(value, str):
        return one_of("balanced")(value)
    if isinstance(value, (list, tuple)) and value:
        return [number(least=0)(item) for item in value]
    raise ValueError(f'must be "balanced" or a list with a weight for each class, got {shown(value)}')


def _optimizer(value: Any) -> Any:
    name = str(value).rpartition(".")[2] if str(value).startswith("torch.optim") else str(value)
    known = {plain(word): cls for word, cls in {**OPTIMIZER_WORDS, **{n: n for n in OPTIMIZERS}}.items()}
    if plain(name) in known:
        return known[plain(name)]
    raise ValueError(f"must be an optimizer of torch.optim, got {shown(value)}{did_you_mean(name, OPTIMIZERS) or OF_YOUR_OWN}")


def _loss(value: Any) -> Any:
    known = {plain(word): found for word, found in {**LOSSES, **{n: n for n in dir(torch.nn) if n.endswith("Loss")}}.items()}
    name = str(value).rpartition(".")[2]
    if plain(name) in known:
        return known[plain(name)]
    raise ValueError(f"must be a loss of torch.nn or focal, got {shown(value)}{did_you_mean(name, LOSSES) or OF_YOUR_OWN}")


class Loss(Section):
    """`type` None: the setup's own loss, with these options changed."""

    word: ClassVar[str] = "type"

    type: Annotated[str, BeforeValidator(_loss)] | None = None
    label_smoothing: Fraction = 0.0  # share of the target that all classes get alike
    gamma: NotNegative | None = None  # of the focal loss; None: 2 for the focal one (Lin et al. 2017, arXiv 1708.02002)
    class_weights: Annotated[str | list[float] | None, BeforeValidator(_class_weights)] = None  # one for each class, or "balanced": from the labels
    options: Plain = {}  # of the class in torch.nn, such as ignore_index, delta, beta

    @model_validator(mode="after")
    def _known_to_the_class(self) -> Loss:
        if self.type is not None:
            known = ["ignore_index"] if self.type == "focal" else list(inspect.signature(getattr(torch.nn, self.type)).parameters)
            for name in self.options:
                if name not in known:
                    raise Wrong(f"options.{name}", f"is no option of {self.type}{did_you_mean(name, known)}: it has {', '.join(known)}")
        return self


class Optimizer(Section):
    """`type` None: the setup's own optimizer with these numbers changed, or AdamW where it has none."""

    word: ClassVar[str] = "type"

    type: Annotated[str, BeforeValidator(_optimizer)] | None = None
    lr: Annotated[float, BeforeValidator(number(least=0))] | None = None  # None: the default of the class
    weight_decay: NotNegative | None = None
    momentum: Annotated[float, BeforeValidator(number(least=0, below=1))] | None = None
    betas: Annotated[list[float], BeforeValidator(_two_numbers)] | None = None
    eps: NotNegative | None = None
    decay_norms: Flag = True  # false: biases and the weights of normalisations do not decay
    options: Plain = {}  # of the class in torch.optim, such as nesterov, amsgrad, fused

    @model_validator(mode="after")
    def _known_to_the_class(self) -> Optimizer:
        if self.type is not None:
            known = [name for name in inspect.signature(OPTIMIZERS[self.type]).parameters if name != "params"]
            for name in self.told():
                if name not in known:
                    place = f"options.{name}" if name in self.options else name
                    raise Wrong(place, f"is no option of {self.type}{did_you_mean(name, known)}: it has {', '.join(known)}")
        return self

    def told(self) -> dict[str, Any]:
        """What the class in torch.optim gets: only what was said."""
        numbers = {name: getattr(self, name) for name in ("lr", "weight_decay", "momentum", "betas", "eps")}
        return {**{name: value for name, value in numbers.items() if value is not None}, **self.options}


class Scheduler(Section):
    """The learning rate over the training: a warm-up in steps, then a shape. With nothing but an `interval` it is the setup's own schedule."""

    word: ClassVar[str] = "type"

    type: Annotated[str, BeforeValidator(one_of(*SCHEDULES, also=SCHEDULE_WORDS))] | None = None  # "constant" where anything of a schedule is said
    interval: Annotated[str, BeforeValidator(one_of("step", "epoch", also=INTERVAL_WORDS))] | None = None  # in which T_max … are counted
    warmup_steps: CountOrNone = 0  # optimizer steps
    warmup_ratio: Fraction = 0.0  # of all optimizer steps, where warmup_steps is 0
    warmup_epochs: NotNegative = 0.0  # of the training, also parts of one; one of the three is said
    warmup_start: Fraction = 0.0  # of the learning rate
    T_max: Count | None = None  # intervals until min_lr; None: all of the training
    min_lr: NotNegative = 0.0
    power: Positive = 1.0  # polynomial
    max_lr: Positive | None = None  # onecycle; None: the optimizer's
    pct_start: Fraction = 0.3  # onecycle: share of the training in which the rate grows
    T_0: Count = 10  # restarts: intervals of the first cycle
    T_mult: Count = 1  # restarts: by which each next cycle is longer
    step_size: Count = 30  # step: intervals between falls
    milestones: Annotated[list[int], BeforeValidator(_whole_numbers)] = []  # multistep: intervals
    gamma: Positive | None = None  # of a fall; None: 0.1, exponential 0.95
    factor: Annotated[float, BeforeValidator(number(above=0, below=1))] = 0.1  # plateau
    patience: CountOrNone = 10  # plateau: validations without a better value that are endured, as in torch

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, told: Any) -> Any:
        if not isinstance(told, dict):
            return told
        kind = told.get("type")
        if kind is None and any(value is not None and name != "interval" and value != cls.model_fields[name].default for name, value in told.items()):
            kind, told = "constant", {**told, "type": "constant"}
        if told.get("interval") is None and kind is not None:
            told = {**told, "interval": "epoch" if KINDS.get(plain(str(kind))) in BY_EPOCH else "step"}
        return told
