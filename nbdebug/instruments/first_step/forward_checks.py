"""Checks of the forward pass: what an output depends on, and how evaluation differs from training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.first_step.instrument import first_step
from nbdebug.instruments.first_step.modes import PRODUCTS
from nbdebug.instruments.first_step.result import FirstStep, Modes
from nbdebug.instruments.first_step.wiring_checks import _demand_step
from nbdebug.loss_call import LossCall

SOFTMAXES = ("softmax", "log_softmax", "softmin")
TRACKED = 50  # batches after which running statistics have settled: 0.9^50 of the start is left, for momentum 0.1
SHIFT, RATIO = 10.0, 1e4  # far beyond what another batch of the same data does; our choice
WORSE = 1.2  # loss in eval mode over that in train mode; our choice


@first_step.check("ND301", "samples of a batch mix", severity=ERROR, advice="give the operation the right dimension (batch_first=True, dim=-1)")
def batch_mixing(step: FirstStep) -> Iterator[Seen]:
    """The output for one sample depends on the other samples of its batch.

    Wrong: a reshape, mean, softmax or attention runs over the batch dimension, so the answer for a sample changes
        with its company, and with the batch size at evaluation.
    Seen: one sample of a batch is exchanged for another, in eval mode; outputs of other samples must not move.
        Batch-norm is exempt, and so are losses over a batch and outputs of every sample against every other.
    Where: the first operation that carries the change from one sample over to others.
    Try: batch_first=True for nn.TransformerEncoder, nn.MultiheadAttention and RNNs; check dim= and reshape().
    Bad:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
                self.head = nn.Linear(64, 10)
            def forward(self, x):
                return self.head(self.encoder(x.view(-1, 8, 8)).flatten(1))
        model = Net()
    Good:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
                self.head = nn.Linear(64, 10)
            def forward(self, x):
                return self.head(self.encoder(x.view(-1, 8, 8)).flatten(1))
        model = Net()
    Source: our choice: an exchange of samples instead of a rule about shapes.
    """
    _demand_dependence(step)
    found = step.dependence
    if found.leak and found.operator not in SOFTMAXES:
        yield Seen(
            f"exchanging one sample moves the outputs of the other {found.samples - 1} "
            f"(by up to {found.leak:.2g} of its own move); it begins in {found.operator or 'the forward pass'}",
            found.location,
            {"leak": found.leak, "samples": found.samples},
        )


@first_step.check("ND303", "input ignored", severity=ERROR, advice="follow the input through forward() to where it is lost")
def input_ignored(step: FirstStep) -> Iterator[Seen]:
    """The outputs do not depend on the input.

    Wrong: whatever the model is shown, it answers the same, so it can only learn the most frequent answer.
    Seen: every sample is exchanged for its neighbour and no output moves, not even after all weights were
        jittered (a head that starts at zero is sound). Of sequences: all positions but the first, or but the last, are
        exchanged and no output moves, although the model has states that hear them and that position as well, or a recurrent cell
        that is asked about each of them and never given its state. Of several inputs:
        one that operators read is given to other samples, in four batches, in train mode too, and nothing moves; or nothing reads one, while
        a layer, or the model, is given another of its shape twice; or no output hears a column by itself, while two embeddings are looked up by another. Of models that
        have positions: every sequence is read backwards, and no output moves. Of attention without any: its entries are put in another order, no output moves, and a
        kernel ridge regression tells more of the targets, for samples it has not seen, from the sequences as they are. Of sequences that are filled up:
        what fills them up moves an output, or what the first attention gives to other positions, and nothing else of them does. A norm over a single value gives that value's bias.
    Where: the last operation whose inputs still differed.
    Try: look there for a constant, a wrong variable, a multiplication by zero, a softmax over a single entry.
    Bad:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
            def forward(self, x):
                hidden = self.body(x).relu()
                hidden = torch.zeros_like(hidden)
                return self.head(hidden)
        model = Net()
    Good:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
            def forward(self, x):
                hidden = self.body(x).relu()
                return self.head(hidden)
        model = Net()
    Source: our choice: an exchange of inputs, with jittered weights as the control.
    """
    if not step.dependence.samples and not step.dependence.ignored:  # samples were exchanged, whatever came of mixing
        _demand_dependence(step)
    found = step.dependence
    if found.ignored:
        yield Seen("every input was exchanged and no output moved, whatever the weights", found.ignored_at, {"samples": found.samples})
        return
    if step.deaf is not None:
        one = step.deaf
        made = f"{one.mixed_by or 'the model'} makes states that have seen more, and {f'`{one.text}`' if one.text else 'this operation'} drops them"
        advice = f"read the answer at the {'last' if one.position == 0 else 'first'} position, or a mean over all"
        if one.restarts:
            made, advice = f"`{one.mixed_by}` is never given the state it made at the position before", "state = cell(x[:, t], state)"
        yield Seen(
            f"the output hears position {one.position} of {one.length} alone: every other input was exchanged and no output moved, whatever the weights; {made}",
            one.location, {"position": one.position, "length": one.length}, advice=advice,
        )  # fmt: skip
        return
    if step.only_padding is not None:
        pads = step.only_padding
        said = f"`{pads.mask}` stands for the opposite" if pads.mask else "a mask stands for the opposite"
        hears = f"{pads.by} gives every position what stands where {pads.samples} sequences are filled up, and nothing of the rest" if pads.by else "the outputs hear what sequences are filled up with, and nothing of the rest"
        yield Seen(f"{hears}: each was exchanged, and only the one moved something. {said}", replace(pads.location, detail=f"input {pads.mask}" if pads.mask else ""), {"samples": pads.samples},
                   advice="attention_mask is 1 where there is a token; key_padding_mask is True where there is none")  # fmt: skip
        return
    for one in step.unheard:
        yield Seen(
            f"`{one.name}` was given to other samples of {one.samples} and no output moved, whatever the weights: what the model makes of it is the same for all",
            replace(one.location, detail=f"input {one.name}"), {"samples": one.samples}, WARNING,
        )  # fmt: skip
    for two in step.doubled:
        taken = f"`{two.module}` is called twice with the same values" if two.module else f"{' and '.join(f'`{name}`' for name in two.arguments)} of the model are one tensor"
        taken = f"`{two.beside}` and `{two.module}` are both given the same other input" if two.beside else "the model is called twice with the same values" if two.calls else taken
        alike = f", while `{two.idle}` is given nothing" if two.idle else ", which are just like it in shape"
        yield Seen(
            f"nothing reads `{two.name}`, and {taken}{alike}", replace(two.location, module=two.module, detail=f"input {two.name}"), {}, WARNING,
            f"give one of the two {two.name}",
        )  # fmt: skip
    heard = {str(one.location.line) for one in step.unheard}
    for single in step.singles:
        if single.operator not in SOFTMAXES and str(single.location.line) not in heard:
            yield Seen(f"{single.operator} over a single value gives the same whatever it is, of inputs {single.shape}", single.location, {}, WARNING,
                       "normalise over the features before they are taken apart, or not at all")  # fmt: skip
    if step.orderless is not None:
        lost = step.orderless
        how = "what it reads of them is the same for all" if lost.read else "the step does not read them"
        yield Seen(
            f"sequences of {lost.length} were read backwards and no output moved, whatever the weights: the model has positions (`{lost.name}`), but {how}",
            lost.location, {"length": lost.length}, WARNING, "give every position its own: torch.arange(length)",
        )  # fmt: skip
    if step.unordered is not None:
        blind, entries = step.unordered, f"the {step.unordered.entries} {'patches of a picture' if step.unordered.picture else 'entries of a sequence'}"
        yield Seen(
            f"attention is given {entries} without their positions: in another order no output moves, whatever the weights, and the targets hang on it (another learner tells "
            f"{blind.in_order:.0%} of their variance from {blind.samples} samples as they are, {blind.without:.0%} without their order)",
            blind.location, {"entries": blind.entries, "in_order": blind.in_order, "without": blind.without}, WARNING, "add an embedding of the position before the attention",
        )  # fmt: skip
    for one in step.columns:
        yield Seen(
            f"no output hears column {one.column} of `{one.name}`, whatever the weights, and both `{one.tables[0]}` and `{one.tables[1]}` are looked up by column {one.taken}",
            replace(one.location, detail=f"input {one.name}, column {one.column}"), {"column": one.column}, WARNING, f"give `{one.tables[1]}` column {one.column}",
        )  # fmt: skip
    if found.unused_inputs:
        names = ", ".join(path or "the input" for path in found.unused_inputs)
        yield Seen(f"no operation reads {names}", Location(detail=names), severity=INFO,
                   advice="harmless if it is meant for something else")  # fmt: skip


@first_step.check("ND304", "softmax over the wrong dimension", severity=ERROR, advice="normalise the dimension that the next step sums over, often dim=-1")
def softmax_dim(step: FirstStep) -> Iterator[Seen]:
    """A softmax or log-softmax over the wrong dimension.

    Wrong: the entries that should compete do not: over the batch, samples compete with each other; in attention,
        queries compete for a key.
    Seen: four ways: a perturbed sample moves others and the softmax is where that begins; attention weights are
        normalised over another dimension than the one the next product sums over; log-probabilities for
        nll_loss add up to one over another dimension than the classes; the scores of a layer with one unit compete with nobody.
    Where: the softmax, its module and line.
    Try: dim=1 for (N, C) or (N, C, H, W) logits, dim=-1 for attention scores.
    Bad:
        model = nn.Sequential(nn.Linear(64, 10), nn.LogSoftmax(dim=0))
        loss_fn = nn.NLLLoss()
    Good:
        model = nn.Sequential(nn.Linear(64, 10), nn.LogSoftmax(dim=1))
        loss_fn = nn.NLLLoss()
    Source: torch documentation, nn.LogSoftmax and nn.NLLLoss.
    """
    found = step.dependence
    if found.leak and found.operator in SOFTMAXES:
        yield Seen(f"{found.operator} runs over the batch: samples compete with each other", found.location, {"leak": found.leak})
        return
    for use in step.softmaxes:
        yield Seen(
            f"softmax normalises dim {use.dim} of {use.shape}, but the product that follows sums over dim {use.summed_dim}",
            use.location, {"dim": use.dim, "summed_dim": use.summed_dim},
        )  # fmt: skip
    ends = {str(call.made_at) for call in step.losses}  # the model's own last one is for output_range
    for single in step.singles:
        if single.operator in SOFTMAXES and str(single.location) not in ends:
            yield Seen(
                f"{single.operator} of {single.shape} runs over a dimension of one, so that every weight is 1 whatever the scores; dim {single.other} is where the entries are",
                single.location, {"summed_dim": single.other},
            )  # fmt: skip
    for call in step.losses:
        if call.name == "nll_loss" and call.made_dim is not None and call.sums_to_one and 1 not in call.sums_to_one and len(call.prediction_shape) > 1:
            yield Seen(
                f"log-probabilities {call.prediction_shape} add up to one over dim {call.sums_to_one[0]}, but nll_loss "
                "takes its classes from dim 1",
                call.made_at, {"dim": call.sums_to_one[0]},
            )  # fmt: skip
        elif _among_others(call):
            yield Seen(
                f"{call.made_by} of {call.made_shape} runs over dim {call.made_dim}, which has {call.made_size} entries, but nll_loss takes {call.classes} classes from what comes of it, {call.prediction_shape}",
                call.made_at, {"dim": call.made_dim},
            )  # fmt: skip
    for one in step.misfits:
        if one.code == "ND304":
            yield Seen(one.said, one.location, one.evidence, advice=one.advice)


def _among_others(call: LossCall) -> bool:
    """Whether log-probabilities reach nll_loss through reshaping alone, and were made to compete over another dimension than that of the classes."""
    others = [size for dim, size in enumerate(call.made_shape) if dim != call.made_dim]
    return call.name == "nll_loss" and call.made_by == "log_softmax" and not call.sums_to_one and call.classes in others


@first_step.check("ND306", "evaluation unlike training", severity=WARNING, advice="F.dropout(x, p, training=self.training), or nn.Dropout")
def train_eval_gap(step: FirstStep) -> Iterator[Seen]:
    """Evaluation behaves unlike training: dropout left on, or batch-norm with useless statistics.

    Wrong: in eval mode a dropout still acts, so validation and predictions are noisy; or the running statistics of
        a batch-norm do not describe the data, so evaluation sees another network than training.
    Seen: the same batch twice in eval mode with different random states: the first dropout whose output differs
        is named, or the product of hidden values with zeros and ones that were thrown for it. Running statistics made from at least 50 batches are compared with the batch at hand
        (of at least 16 values a channel), and the loss in eval mode must be 1.2 times that in train mode.
    Where: the dropout's line; the batch-norm module.
    Try: F.dropout(x, p, training=self.training); recompute batch-norm statistics, or use a larger momentum.
    Bad:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
            def forward(self, x):
                return self.head(F.dropout(self.body(x).relu(), 0.2))
        model = Net()
    Good:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
            def forward(self, x):
                return self.head(F.dropout(self.body(x).relu(), 0.2, training=self.training))
        model = Net()
    Source: torch documentation, torch.nn.functional.dropout (training=True is its default) and nn.BatchNorm2d.
    """
    _demand_step(step)
    found = step.modes
    if found.not_checked and not found.statistics:
        raise NotChecked(found.not_checked)
    if found.random_at is not None:
        what = "a mask of random zeros" if found.random_by in PRODUCTS else found.random_by
        yield Seen(f"{what} still drops values in eval mode: two evaluations of one batch differ", found.random_at,
                   advice="if self.training: around it" if found.random_by in PRODUCTS else None)  # fmt: skip
    for gap in found.statistics:
        if gap.tracked >= TRACKED and _suffers(found) and (gap.shift > SHIFT or gap.ratio > RATIO):
            yield Seen(
                f"after {gap.tracked} batches the running mean lies {gap.shift:.3g} standard deviations from this "
                f"batch's mean, and the variances differ by a factor of {gap.ratio:.3g}",
                Location(module=gap.module), {"shift": gap.shift, "ratio": gap.ratio, "tracked": gap.tracked},
                advice="are the loader's inputs prepared as in training? else reset_running_stats() and train on",
            )  # fmt: skip


def _suffers(modes: Modes) -> bool:
    """Whether evaluation is the worse for it; where it raises or the loss may be negative, the statistics alone tell."""
    train, evaluated = modes.train_loss, modes.eval_loss
    return train is None or evaluated is None or train <= 0 or not evaluated <= WORSE * train


@first_step.check("ND307", "dead or saturated units", severity=WARNING, advice="look at what goes into it: a clamp, a minus or another activation leaves nothing above 0")
def units_clipped(step: FirstStep) -> Iterator[Seen]:
    """Units of a ReLU that nothing can wake, whatever the weights; the page is that of activations."""
    _demand_step(step)
    for one in step.clipped:
        named = ", ".join(map(str, one.first)) + (" …" if one.count > len(one.first) else "")
        yield Seen(
            f"{one.count} of {one.units} units of this {one.function} get nothing above 0, now and with {one.trials} other sets of weights: they are 0 whatever is learnt",
            replace(one.location, detail=f"units {named}"), {"stuck": one.count, "units": one.units},
        )  # fmt: skip


def _demand_dependence(step: FirstStep) -> None:
    _demand_step(step)
    if step.dependence.not_checked:
        raise NotChecked(step.dependence.not_checked)
