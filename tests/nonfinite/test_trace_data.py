"""What was bad before the step began: samples of the batch, targets, weights, buffers, what came in from elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbdebug.nonfinite.trace.step import Trace
from tests.nonfinite.situations import Situation, born, check, traced

SITUATIONS: list[Situation] = []
NAN, INF = float("nan"), float("inf")


def classifier():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def of_batch(x, y=None, model=None, loss_fn=F.cross_entropy, **options):
    model = model or classifier()
    y = torch.randint(0, 3, (len(x),)) if y is None else y
    return [model], lambda: loss_fn(model(x), y).backward(), {"batch": (x, y), **options}


@born("data", cause="data", sample=3, column=2, became="nan", said="inputs, sample 3, column 2")
def a_missing_value():
    x = torch.randn(6, 4)
    x[3, 2] = NAN
    return of_batch(x)


@born("data", cause="data", sample=77, column=2)
def a_missing_value_by_its_index_in_the_dataset():
    x = torch.randn(6, 4)
    x[3, 2] = NAN
    return of_batch(x, indices=(10, 4, 9, 77, 1, 2))


@born("data", cause="data", sample=1, column=0, became="inf")
def an_infinite_input():
    x = torch.randn(6, 4)
    x[1, 0] = INF
    return of_batch(x)


@born("data", cause="data", sample=2, column=1, said="channel 1")
def a_bad_pixel():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 3))
    x = torch.randn(4, 3, 8, 8)
    x[2, 1, 5, 5] = NAN
    return of_batch(x, model=model)


@born("data", cause="data", sample=4, column=None, said="targets, sample 4")
def a_bad_target():
    y = torch.randn(6)
    y[4] = NAN
    return of_batch(torch.randn(6, 4), y, nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), F.mse_loss)


@born("data", cause="data", sample=5, column=3)
def one_of_two_missing_values_is_handled():
    model = classifier()
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    x[1, 0] = x[5, 3] = NAN

    def step():
        loss = F.cross_entropy(model(x), y, reduction="none")
        torch.where(x[:, 0].isnan(), torch.zeros(()), loss).mean().backward()

    return [model], step, {"batch": (x, y)}


@born("data", cause="data", sample=5, column=3)
def one_of_two_is_handled_behind_a_convolution():
    model = nn.Sequential(nn.Conv1d(4, 5, 3, padding=1), nn.GELU(), nn.Flatten(), nn.Linear(35, 3))
    x, y = torch.randn(6, 4, 7), torch.randint(0, 3, (6,))
    x[1, 0, 0] = x[5, 3, 2] = NAN

    def step():
        loss = F.cross_entropy(model(x), y, reduction="none")
        loss[torch.tensor([0, 2, 3, 4, 5])].mean().backward()

    return [model], step, {"batch": {"pixel_values": x, "labels": y}}


@born("loss", "log", cause="domain")
def a_handled_missing_value_beside_a_birth():
    model = classifier()
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    x[1, 0] = NAN

    def step():
        out = model(torch.nan_to_num(x))
        ((out * 0).log() * 0 + F.cross_entropy(out, y)).mean().backward()  # guilty

    return [model], step, {"batch": (x, y)}


@born("data", cause="data", sample=7, column=3)
def many_bad_samples_of_which_one_matters():
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3))
    x, y = torch.randn(90, 4), torch.randint(0, 3, (90,))
    x[:, 1] = NAN
    x[:, 2] = INF
    x[7] = torch.tensor([0, 1, 2, NAN])

    def step():
        F.cross_entropy(model(x), y, reduction="none")[7].backward()

    return [model], step, {"batch": (x, y)}


@born("data", cause="data", sample=3, column=2, became="inf")
def one_of_two_infinite_samples():
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3))
    x = torch.randn(6, 4)
    x[0, 1], x[3, 2] = INF, INF

    def step():
        model(x)[2:].square().mean().backward()

    return [model], step, {"batch": (x,)}


@born("data", cause="data", sample=1, column=0)
def normalised_before_the_model():
    model = classifier()
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    x[1, 0] = NAN

    def step():
        normal = (x - 0.5).double().mul(2).float()
        F.cross_entropy(model(normal), y).backward()

    return [model], step, {"batch": [x, y]}


@born("data", cause="data", sample=1, column=0, parameter="0.weight")
def a_masked_missing_value_reaches_the_gradient():
    model = classifier()
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    x[1, 0] = NAN

    def step():
        out = model(x)
        out = torch.where(out.isnan(), torch.zeros(()), out)
        F.cross_entropy(out, y).backward()

    return [model], step, {"batch": (x, y)}


@born("optimizer", cause="weights", said="2.weight was not finite before this step began")
def a_weight_that_was_bad_before():
    model = classifier()
    with torch.no_grad():
        model[2].weight[0, 0] = NAN
    return of_batch(torch.randn(6, 4), model=model)


@born("optimizer", cause="weights", said="running_var")
def a_running_mean_that_was_bad_before():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).eval()
    model[1].running_var[1] = NAN
    return of_batch(torch.randn(6, 4), model=model)


@born("forward", cause="unknown", said="nan was in argument 2 when torch first met it here")
def a_tensor_from_another_cell():
    model, elsewhere = classifier(), torch.tensor([1.0, NAN, 1, 1])
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))

    def step():
        F.cross_entropy(model(x * elsewhere), y).backward()  # guilty

    return [model], step, {"batch": (x, y)}


@born("data", cause="data", sample=None, column=None)
def a_lone_number():
    model, factor = classifier(), torch.tensor(NAN)
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    return [model], lambda: (F.cross_entropy(model(x), y) * factor).backward(), {"batch": {"x": x, "y": y, "factor": factor}}


@pytest.mark.parametrize("situation", SITUATIONS, ids=repr)
def test_birth(situation):
    check(situation)


def test_a_batch_full_of_nan():
    model = classifier()
    x = torch.full((20000, 4), NAN)
    with Trace([model], batch=(x,)) as trace:
        model(x).sum().backward()
    origin = trace.origin()
    assert (origin.phase, trace.trouble) == ("data", "")


def test_batches_without_tensors_and_of_integers():
    model = nn.Embedding(5, 2)
    for batch in (["a", "b"], None, {"ids": torch.arange(5)}, torch.arange(5), ()):
        with Trace([model], batch=batch) as trace:
            model(torch.arange(5)).log().mean().backward()
        assert trace.trouble == "" and trace.origin().cause == "domain"


def test_the_chain_of_data_begins_with_the_data_and_ends_at_the_loss():
    origin, _ = traced(a_missing_value)
    assert origin.chain[0].phase == "data"
    assert (origin.chain[-1].phase, origin.chain[-1].became) == ("loss", "nan")
