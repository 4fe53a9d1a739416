"""The check of the baselines."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.baselines.instrument import baselines
from nbdebug.instruments.baselines.result import (
    BLIND,
    CONSTANT,
    LINEAR,
    NETWORK,
    POSITIONS,
    SCORES,
    Baselines,
    Contender,
)

SURE, VERY_SURE = 2.0, 5.0  # standard errors: that a network is better at all, and that a linear model is by far
FAR = 0.1  # of the constant's loss (or points of accuracy, of R²) that the linear model must be better by; our choice
HARDLY = 0.1  # of what a linear model gains over the constant; what a network gains below it is nothing; our choice
FEWEST = 50  # samples held out, below which nothing is said; our choice
STEPS = 100  # of a training that was fair; our choice: small nets leave the level of a constant within 50


@baselines.check(
    "ND710", "baseline unbeaten", severity=WARNING,
    advice="follow one input to the output: nbdebug.first_step asks whether it gets there; then learning rate and initialisation",
)  # fmt: skip
def baseline_unbeaten(result: Baselines) -> Iterator[Seen]:
    """A network that is no better than what ignores its inputs, where a linear model is much better.

    Wrong: the inputs tell the targets, even by a weighted sum, and the network makes nothing of them: they do not reach it,
        are drowned, or its output cannot express them.
    Seen: on samples held out, neither the model as it is nor after 100 steps and more with your optimizer, and with Adam at 1e-3 and
        1e-2, is better than the best constant prediction, by two standard errors and a tenth of what a linear model gains; that is better by
        five, and by a tenth of the loss or of accuracy. Trainings whose loss still fell, few samples, and losses with other terms are not accused. That a linear
        model is better than a network that does learn is mentioned.
    Where: the whole training; the report has all contenders side by side.
    Try: nbdebug.first_step and nbdebug.overfit; another learning rate; the linear model as a start.
    Bad:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
            def forward(self, x):
                return self.net(x.mean(1, keepdim=True).expand(-1, 64))
        model = Net()
        x = torch.randn(1500, 64)
        y = (x @ torch.randn(64, 10)).argmax(1)
        train_loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    Good:
        model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        x = torch.randn(1500, 64)
        y = (x @ torch.randn(64, 10)).argmax(1)
        train_loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    Source: Karpathy, A Recipe for Training Neural Networks, 2019: input-independent baseline; thresholds are our choice.
    """
    if not result.contenders:
        raise NotChecked("nothing was measured yet")
    constants, networks = [*result.of(CONSTANT), *result.of(POSITIONS)], result.of(NETWORK)
    linear = next(iter(result.of(LINEAR)), None)
    if not constants or not networks:
        raise NotChecked(next(iter(result.limits), "there is nothing to compare the model with"))
    if result.samples < FEWEST:
        raise NotChecked(f"because {result.samples} samples were held out, and {FEWEST} are needed")
    if constants[0].score == 1.0 or (result.task == "numbers" and constants[0].score is None):
        raise NotChecked("because all targets held out are the same, and what says just that cannot be beaten")
    if linear is None:
        if any(result.beats(n, constants[0], SURE) for n in networks):
            return
        raise NotChecked("because there is no linear model that would show that the inputs tell the targets")
    if any(result.beats(n, constants[0], SURE) and not _hardly(result, n, constants[0], linear) for n in networks):
        yield from _linear_is_better(result, networks, linear)
        return
    if not _by_far(result, linear, constants[0]):
        yield Seen(
            f"neither the network nor a linear model is better than {_described(constants[0], result)} on {result.samples:,} samples held out",
            severity=INFO, advice="are inputs and targets in the right order? perhaps they have nothing to do with each other",
        )  # fmt: skip
        return
    trained = [n for n in networks if n.steps]
    if len(trained) < 2 or any(n.steps < STEPS for n in trained):
        raise NotChecked(f"because no two trainings of {STEPS} steps could be tried; give a larger budget")
    if any(n.falls for n in trained):
        raise NotChecked("because the loss of a short training still fell; give more steps")
    if all(_by_far(result, linear, network) for network in networks):
        yield _unbeaten(result, networks, constants[0], linear)


def _unbeaten(result: Baselines, networks: list[Contender], constant: Contender, linear: Contender) -> Seen:
    blind = result.of(BLIND)
    best = min((n for n in networks if n.steps), key=lambda n: n.loss or 0.0)
    hardly = "hardly" if any(result.beats(n, constant, SURE) for n in networks) else "no"
    beside = f", with {blind[0].name} {_got(blind[0], result)}" if blind else ""
    return Seen(
        f"after {best.how} the network gets {_got(best, result)} on {result.samples:,} samples held out{beside}: {hardly} better than "
        f"{_described(constant, result)}, which ignores the inputs; a linear model gets {_got(linear, result)}",
        evidence={"network": best.loss, "constant": constant.loss, "linear": linear.loss, "samples": result.samples, "steps": best.steps},
        severity=WARNING if _is_whole(result) else INFO,
    )


def _linear_is_better(result: Baselines, networks: list[Contender], linear: Contender) -> Iterator[Seen]:
    if all(_by_far(result, linear, network) and not (network.steps and network.falls) for network in networks):
        best = min(networks, key=lambda n: n.loss or 0.0)
        yield Seen(
            f"a linear model gets {_got(linear, result)} on {result.samples:,} samples held out, the network {_got(best, result)} ({best.how})",
            evidence={"network": best.loss, "linear": linear.loss, "samples": result.samples}, severity=INFO,
            advice="begin with the linear model, or train longer: a network should at least come up to it",
        )  # fmt: skip


def _by_far(result: Baselines, one: Contender, other: Contender) -> bool:
    """Whether it is better without doubt, and by enough to matter."""
    found = result.difference(one, other)
    if found is None or not found.better(VERY_SURE):
        return False
    in_score = found.score is not None and found.score > FAR
    return in_score or (other.loss is not None and found.loss < -FAR * abs(other.loss))


def _hardly(result: Baselines, network: Contender, constant: Contender, linear: Contender) -> bool:
    """Whether it is better than the constant by next to nothing of what the linear model is."""
    mine, its = result.difference(network, constant), result.difference(linear, constant)
    if mine is None or its is None or not _by_far(result, linear, constant):
        return False
    in_loss = mine.loss > HARDLY * its.loss if its.loss < 0 else True
    in_score = mine.score is None or its.score is None or mine.score < HARDLY * its.score
    return in_loss and in_score


def _is_whole(result: Baselines) -> bool:
    return not any("other terms" in said for said in result.limits)


def _described(contender: Contender, result: Baselines) -> str:
    return f"{contender.name} ({_got(contender, result)})"


def _got(contender: Contender, result: Baselines) -> str:
    score = f", {SCORES[result.task]} {contender.score:.3g}" if contender.score is not None and result.task in SCORES else ""
    return f"a loss of {contender.loss:.4g}{score}"
