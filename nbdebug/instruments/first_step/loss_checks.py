"""Checks of the loss call: what it wants, what it gets, and what it should be at the start; and a step that raises."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.first_step.answers import Heavy
from nbdebug.instruments.first_step.instrument import first_step, is_finite
from nbdebug.instruments.first_step.result import Broadcast, FirstStep, in_loss
from nbdebug.instruments.first_step.wiring_checks import _demand_step
from nbdebug.loss_call import REGRESSION, LossCall, main_loss

ACTIVATED = {"softmax": "a softmax", "sigmoid": "a sigmoid", "softmin": "a softmin", "gumbel_softmax": "a Gumbel softmax"}
COMPARES = (*REGRESSION, "difference")  # of quantities; the last one is written out
FAR_FROM_CHANCE = 3.0  # sound initialisations of our patients stay below 1.6; our choice
WEIGHTED_LOG = 0.01  # log(p + eps) may be that far above zero
WITHIN_REACH = 5.0  # in units of the targets: a bias gets there in a few thousand steps of Adam at 1e-3
EPSILON = 0.01  # log(p + eps) and clamp(eps, 1 - eps) may leave 0..1 by that much
LARGEST_SCALE = 64.0  # of cosines: that of ArcFace (Deng et al., 2019) and CosFace; CLIP starts at 14
FEWEST = 8  # targets whose variance is worth comparing with
FAR_REGRESSION = 100.0  # times the variance of the targets


@first_step.check("ND312", "the step raises", severity=ERROR, advice="compare the shapes and dtypes that met there")
def step_raises(step: FirstStep) -> Iterator[Seen]:
    """The training step raises: shapes, dtypes or devices do not fit.

    Wrong: the very first batch does not get through forward, loss or backward.
    Seen: the step is run once, guarded; then again on copies, with what met there mended in one way after another, until one
        of them runs. `%nbdebug why` does the same after an exception in any cell. A step that runs is run again on as many samples as
        the last batch of an epoch has, and those of validation.
    Where: operator, module, line.
    Try: the mend that was tried; else compare what the module was given with what its weights want.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(16, 10))
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    Source: the error itself.
    """
    crash = step.crash
    if crash is not None:
        yield Seen(crash.sentence(), crash.location, {"phase": crash.phase}, advice=crash.advice() or None)
    elif step.ragged is not None:
        other, crash = step.ragged, step.ragged.crash
        counted = f"{other.size} sample" + ("" if other.size == 1 else "s")
        yield Seen(
            f"a batch of {other.runs} runs, but {other.which} {'have' if other.which.startswith('the batches') else 'has'} {counted}, and with that {crash.sentence()}",
            crash.location, {"size": other.size, "runs": other.runs}, advice=crash.advice() or "take the size from the batch: x.shape[0]; or drop_last=True",
        )  # fmt: skip


@first_step.check("ND401", "activation before a loss that has its own", severity=ERROR, advice="give the loss the raw outputs (logits)")
def double_activation(step: FirstStep) -> Iterator[Seen]:
    """Softmax or sigmoid before a loss that applies its own.

    Wrong: softmax is applied twice. What the loss takes for logits lies in 0..1, so with C classes it cannot fall
        below log(1 + (C - 1)/e), and gradients are small.
    Seen: the values that reached the loss were made by a softmax or sigmoid (reshaping is looked through), or they
        are probabilities: none negative, and all rows add up to one, or they cannot leave 0..1 by interval arithmetic (clamp). So is a softmax of a softmax in a loss written by hand, or in a
        distribution that takes probabilities for logits, where no weight lies between the two.
    Where: the activation, its module and line.
    Try: remove it from the model and apply it only to predict; or keep LogSoftmax with nn.NLLLoss.
    Bad:
        model = nn.Sequential(nn.Linear(64, 10), nn.Softmax(dim=1))
        loss_fn = nn.CrossEntropyLoss()
    Good:
        model = nn.Sequential(nn.Linear(64, 10))
        loss_fn = nn.CrossEntropyLoss()
    Source: torch documentation, nn.CrossEntropyLoss: "input is expected to contain the unnormalized logits".
    """
    for call in _calls(step):
        if call.name not in ("cross_entropy", "binary_cross_entropy_with_logits"):
            continue
        own = "softmax" if call.name == "cross_entropy" else "sigmoid"
        low, high = call.prediction_range
        evidence = {"lowest": low, "highest": high, "loss": call.value}
        if call.made_by in ACTIVATED:
            floor = _floor(call)
            floor_text = f": the loss cannot fall below {floor:.3g}" if floor else ""
            yield Seen(
                f"{call.name} applies its own {own}, but its input has been through {ACTIVATED[call.made_by]} already "
                f"(values from {low:.2g} to {high:.2g}){floor_text}",
                call.made_at, evidence,
            )  # fmt: skip
        elif call.name == "cross_entropy" and 1 in call.sums_to_one and not _is_swapped(step, call):
            yield Seen("cross_entropy applies its own softmax, but its inputs are already probabilities that add up to one", in_loss(step, call.location), evidence)
        elif is_bounded_as_probabilities(call):
            yield Seen(
                f"{call.name} applies its own {own}, but its input cannot leave {call.reach[0]:.3g}..{call.reach[1]:.3g}, as probabilities do (made by {_maker(call)})",
                call.made_at if call.made_at.line is not None else in_loss(step, call.location), evidence,
            )  # fmt: skip
        elif call.name == "cross_entropy" and call.made_by == "log_softmax":
            yield Seen("log_softmax before cross_entropy is done twice; the loss is the same, the work is not", call.made_at, evidence, severity=INFO,
                       advice="drop the log_softmax, or use nll_loss")  # fmt: skip
    for pair in step.twice:
        yield Seen(
            f"what {f'`{pair.location.module}` (a {pair.name})' if pair.location.module else f'a {pair.name}'} gives (values from {pair.low:.2g} to {pair.high:.2g}) is taken for logits and goes through a {pair.name} once more ({pair.again})",
            pair.location if pair.again_at.line is None else pair.again_at,
            {"lowest": pair.low, "highest": pair.high}, advice="keep one of the two; a distribution takes probabilities as probs=, not as logits",
        )  # fmt: skip


@first_step.check("ND402", "loss gets the wrong kind of input", severity=ERROR, advice="give the loss what it asks for: log-probabilities or probabilities")
def loss_input_domain(step: FirstStep) -> Iterator[Seen]:
    """The loss wants log-probabilities or probabilities, and gets something else.

    Wrong: nll_loss of raw logits can be made as negative as one likes; binary_cross_entropy is undefined outside 0..1.
    Seen: exp(input) of nll_loss and kl_div must add up to one over some dimension, that of ctc_loss over the last; the input of
        binary_cross_entropy must lie in 0..1; poisson_nll_loss takes a logarithm, which a softplus or exp does not give, or with
        log_input=False a rate, which is positive. All is measured on the values that arrived.
    Where: the loss call, and what made its input.
    Try: nn.CrossEntropyLoss or nn.BCEWithLogitsLoss on raw outputs, or log_softmax before nll_loss.
    Bad:
        model = nn.Sequential(nn.Linear(64, 10))
        loss_fn = nn.NLLLoss()
    Good:
        model = nn.Sequential(nn.Linear(64, 10), nn.LogSoftmax(dim=1))
        loss_fn = nn.NLLLoss()
    Source: torch documentation, nn.NLLLoss, nn.KLDivLoss, nn.BCELoss, nn.CTCLoss, nn.PoissonNLLLoss.
    """
    for call in _calls(step):
        low, high = call.prediction_range
        weighted = call.log_behind and high <= WEIGHTED_LOG  # focal loss, policy gradient: log-probabilities times a weight
        if call.name in ("nll_loss", "kl_div") and not call.sums_to_one and not weighted:
            yield Seen(
                f"{call.name} wants log-probabilities, but exp(input) does not add up to one over any dimension "
                f"(inputs lie in {low:.3g}..{high:.3g}, made by {_maker(call)})",
                in_loss(step, call.location), {"lowest": low, "highest": high},
                advice="use cross_entropy on the raw outputs, or put log_softmax(dim=1) before it",
            )  # fmt: skip
        elif call.name == "nll_loss" and not call.sums_to_one and _mixed_by_reshaping(call):
            yield Seen(
                f"nll_loss wants log-probabilities; log_softmax made some of {call.made_shape} over dim {call.made_dim}, but reshaped to {call.prediction_shape} they add up to one over no dimension",
                in_loss(step, call.location), {}, advice="move the classes with transpose or permute before view(-1, classes): a view alone mixes them with positions",
            )  # fmt: skip
    yield from _misfits(step, "ND402")
    crash = step.crash
    if crash is not None and "between 0 and 1" in crash.message and crash.phase == "loss":
        yield Seen("binary_cross_entropy wants probabilities, but its input leaves 0..1", in_loss(step, crash.location),
                   advice="use binary_cross_entropy_with_logits (nn.BCEWithLogitsLoss) on the raw outputs")  # fmt: skip
    if crash is not None and "var has negative" in crash.message:
        yield Seen("gaussian_nll_loss wants variances, which are positive, but some of what it gets are negative", in_loss(step, crash.location),
                   advice="variance = log_variance.exp(), or softplus, if the model gives logarithms or raw outputs")  # fmt: skip


def _mixed_by_reshaping(call: LossCall) -> bool:
    """Whether all that log_softmax gave arrives, each entry once, and no longer by classes."""
    whole = math.prod(call.made_shape) == math.prod(call.prediction_shape)
    return call.made_by == "log_softmax" and call.made_size == call.classes and whole and list(call.made_shape).count(call.classes or 0) == 1


@first_step.check("ND403", "shapes stretched in the loss", severity=ERROR, advice="make both shapes equal: outputs.squeeze(1), or targets.unsqueeze(1)")
def loss_broadcast(step: FirstStep) -> Iterator[Seen]:
    """Predictions and targets broadcast silently, (N, 1) against (N,).

    Wrong: every prediction is compared with every target, so the best the model can do is the mean.
    Seen: a torch loss, or an operation between predictions and targets, got two shapes whose common shape is larger than
        both. Shapes of equal rank, such as (N, 1, D) with (1, M, D), are taken as meant.
    Where: the call, with its line.
    Try: outputs.squeeze(1) or targets.unsqueeze(1).
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        train_loader = DataLoader(TensorDataset(inputs, inputs[:, 20] + 0.5), batch_size=32, shuffle=True)
        loss_fn = nn.MSELoss()
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
        train_loader = DataLoader(TensorDataset(inputs, inputs[:, 20] + 0.5), batch_size=32, shuffle=True)
        loss_fn = nn.MSELoss()
    Source: torch documentation, broadcasting semantics.
    """
    for met in step.broadcasts:
        yield Seen(
            f"{met.operator.rpartition('.')[2]} was given shapes {met.left} and {met.right}, and stretched both to {met.result}: "
            f"{math.prod(met.result):,} pairs are compared instead of {max(math.prod(met.left), math.prod(met.right)):,}",
            _where_met(step, met), {"pairs": math.prod(met.result), "wanted": max(math.prod(met.left), math.prod(met.right))},
        )  # fmt: skip


def _where_met(step: FirstStep, met: Broadcast) -> Location:
    """The loss; where no line of the user's calls it, that of the model which gives its predictions their shape."""
    place = in_loss(step, met.location)
    made = next((call.made_at for call in step.losses if call.prediction_shape in (met.left, met.right) and call.made_at.line is not None), None)
    return place if place.line is not None or made is None else replace(place, module=made.module, file=made.file, line=made.line, cell=made.cell)


@first_step.check("ND404", "loss does not fit the targets", severity=WARNING, advice="class indices want cross_entropy and one output a class")
def loss_task_mismatch(step: FirstStep) -> Iterator[Seen]:
    """The loss does not fit the task that the targets speak of.

    Wrong: a regression loss on class indices makes class 9 lie far from class 0; a cross-entropy with one output is
        always zero.
    Seen: a regression loss whose targets came as integers 0..C-1 (C at least 3) all present in the batch,
        unless classes close in number are close in their mean inputs, as of grades: in fewer than 10 % of other orders would
        they be as close (of numbers that came as floats the mean inputs must also lie well apart); cross_entropy over one class, or with targets of zeros and ones of which several are one (unless the
        model is given them, as a multinomial autoencoder is); a margin loss that wants -1 and 1 and gets 0 and 1.
    Where: the loss call.
    Try: nn.CrossEntropyLoss with C outputs, or nn.BCEWithLogitsLoss for one output.
    Bad:
        model = nn.Sequential(nn.Linear(64, 1))
        loss_fn = nn.CrossEntropyLoss()
        train_loader = DataLoader(TensorDataset(inputs, torch.zeros(256, dtype=torch.long)), batch_size=32, shuffle=True)
    Good:
        model = nn.Sequential(nn.Linear(64, 1), nn.Flatten(0))
        loss_fn = nn.BCEWithLogitsLoss()
        train_loader = DataLoader(TensorDataset(inputs, (targets > 4).float()), batch_size=32, shuffle=True)
    Source: torch documentation, nn.CrossEntropyLoss, nn.BCEWithLogitsLoss; the frequencies: our choice.
    """
    for call in _calls(step):
        low, high = call.target_range
        if call.name == "cross_entropy" and call.classes == 1 and len(call.prediction_shape) > 1:
            yield Seen("cross_entropy over a single class is always 0: there is nothing to learn", in_loss(step, call.location),
                       {"classes": 1}, ERROR, "use BCEWithLogitsLoss for one output, or one output a class")  # fmt: skip
        elif call.name in COMPARES and _looks_like_classes(call) and (step.order != "grades" if step.integer_targets else step.order == "names"):
            yield Seen(
                f"{call.name} {'of outputs and targets ' if call.name == 'difference' else ''}treats {call.target_values} class indices {low:.0f}..{high:.0f} as quantities",
                in_loss(step, call.location), {"classes": call.target_values},
            )  # fmt: skip
    yield from _misfits(step, "ND404")


@first_step.check("ND406", "loss far from chance at the start", severity=WARNING, advice="look at the scale of the head, of the inputs and of the targets")
def initial_loss(step: FirstStep) -> Iterator[Seen]:
    """The loss of the first batch is far from what chance gives.

    Wrong: a model that knows nothing yet should be as good as a blind guess. Far above, it is confidently wrong, and first has
        to unlearn that.
    Seen: the same loss call is repeated with predictions that know nothing (equal logits; for a regression the mean target).
        More than 3 times that (100 times and more than 5 units off for a regression), or a loss that is not finite, is told,
        unless all weights a hundredth as large start as high: then the loss is so by design, as of cosines with a scale of up to 64.
    Where: the parameter that alone brings the loss near chance when a copy of it is made small, if there is one; else the loss call.
    Try: a smaller initialisation of the head, scaled inputs, standardised targets.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        nn.init.constant_(model[2].bias[:1], 20.0)
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        nn.init.constant_(model[2].bias[:1], 1.0)
    Source: A. Karpathy, A Recipe for Training Neural Networks ("verify loss @ init"); the factors: our choice.
    """
    _demand_step(step)
    if not is_finite(step.loss):
        born = step.born_at
        source = f"; the first value on its way that is not finite comes out of {born.operator}" if born else ""
        yield Seen(f"the loss of the first batch is {step.loss}{source}", born or _loss_place(step), severity=ERROR,
                   advice="look for NaN or Inf in the inputs first, then for log, sqrt or division in the model")  # fmt: skip
        return
    call = main_loss([call for call in step.losses if call.chance is not None])
    if call is None:
        raise NotChecked("what chance gives is known only for torch's own losses, on targets that have the shape of the predictions")
    limit = FAR_REGRESSION if call.name in REGRESSION else FAR_FROM_CHANCE
    if call.name in REGRESSION and call.target_shape[:1] < (FEWEST,):
        raise NotChecked(f"{call.target_shape[0] if call.target_shape else 1} targets say too little about their spread")
    if call.chance and call.chance > 1e-12 and call.value > limit * call.chance and not _is_high_by_design(step, call, limit):
        light = step.heavy
        without = "" if light is None else _without(light)
        by_scale = light is None and _is_scaled_beyond(call) and step.loss_of_small_weights is not None and step.loss_of_small_weights > limit * call.chance
        if by_scale:
            without = f"; so it does with all weights a hundredth as large: the logits ({call.prediction_range[0]:.3g}..{call.prediction_range[1]:.3g}) are scaled that high, by a temperature perhaps"
        place = call.made_at if by_scale else in_loss(step, call.location) if light is None else light.location if not light.parameter else Location(module=light.parameter.rpartition(".")[0], parameter=light.parameter)
        yield Seen(
            f"{call.name} starts at {call.value:.4g}; predictions that know nothing give {call.chance:.4g}{without}",
            place, {"loss": call.value, "chance": call.chance, "factor": call.value / call.chance},
        )  # fmt: skip


def _without(light: Heavy) -> str:
    """What the loss would be without that."""
    instead = f"the loss is {light.after:.4g} instead of {light.before:.4g}"
    if not light.parameter:
        return f"; its logits are multiplied by {light.factor:.4g} ({light.location.operator}), and without that {instead}"
    if light.more:
        return f"; with `{light.parameter}` and {light.more} more weights as wide as torch would make them ({light.factor:.2g} times for the first) {instead}"
    return f"; with `{light.parameter}` {f'{light.factor:.3g} times as large' if light.factor else 'at zero'} {instead}"


def _is_high_by_design(step: FirstStep, call: LossCall, limit: float) -> bool:
    """Whether no smaller weights would bring the loss near chance, or a regression starts within reach of its targets."""
    if call.name in REGRESSION:
        return call.value < WITHIN_REACH ** (2 if call.name == "mse_loss" else 1)
    small = step.loss_of_small_weights
    return not _is_scaled_beyond(call) and small is not None and math.isfinite(small) and small > limit * (call.chance or 0.0)


def _is_scaled_beyond(call: LossCall) -> bool:
    return call.name == "cross_entropy" and max(map(abs, call.prediction_range)) > LARGEST_SCALE


def _calls(step: FirstStep) -> tuple[LossCall, ...]:
    """The loss calls, once for each place (a loss in a loop is one place)."""
    if step.crash is not None and step.crash.phase in ("inputs", "forward"):
        _demand_step(step)
    places: dict[tuple[str, str], LossCall] = {}
    for call in step.losses:
        places.setdefault((call.name, str(call.location)), call)
    return tuple(places.values())


def is_bounded_as_probabilities(call: LossCall) -> bool:
    """Whether the predictions lie in 0..1 whatever is learnt; a clamp of probabilities is looked through by that."""
    low, high = call.reach
    return -EPSILON <= low < high <= 1 + EPSILON and high - low > 0.5


def _is_swapped(step: FirstStep, call: LossCall) -> bool:
    """Whether these are the targets, in the place of the predictions."""
    return any(pull.kind == "swapped" and pull.location == call.location for pull in step.pulls)


def _floor(call: LossCall) -> float | None:
    """The least cross-entropy of logits that lie in 0..1 and add up to one."""
    if call.name != "cross_entropy" or not call.classes or call.made_by != "softmax":
        return None
    return math.log(math.e + call.classes - 1) - 1


def _looks_like_classes(call: LossCall) -> bool:
    low, high = call.target_range
    return call.target_integral and low == 0 and 3 <= call.target_values == high + 1


def _loss_place(step: FirstStep) -> Location:
    return in_loss(step, step.losses[0].location if step.losses else Location())


def _misfits(step: FirstStep, code: str) -> Iterator[Seen]:
    for one in step.misfits:
        if one.code == code:
            yield Seen(one.said, in_loss(step, one.location), one.evidence, ERROR, one.advice)


def _maker(call: LossCall) -> str:
    """What gave the loss its input: its module and function."""
    if not call.made_by:
        return "an unknown operation"
    return f"{call.made_at.module} ({call.made_by})" if call.made_at.module else call.made_by
