"""Metrics by name against the formulas, on one rank and on two."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbdebug.errors import ConfigError
from nbdebug.training.config import read_config
from nbdebug.training.trainer.metrics import Metrics
from nbdebug.training_setup import TrainingSetup

RANDOM = torch.Generator().manual_seed(0)
LOGITS, CLASSES = torch.randn(40, 3, generator=RANDOM), torch.randint(3, (40,), generator=RANDOM)


def measured(metrics: object, loss: object, outputs: object, targets: object, model: nn.Module | None = None, batch: int = 16) -> dict[str, float]:
    found = Metrics(read_config(metrics=metrics), TrainingSetup(model or nn.Linear(1, 1), loss))  # type: ignore[arg-type]
    for first in range(0, 40, batch):
        rows = slice(first, first + batch)
        found(outputs[rows] if isinstance(outputs, Tensor) else {k: v[rows] for k, v in outputs.items()}, targets[rows])  # type: ignore[attr-defined,index]
    return found.compute()


def test_classes_against_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    guess = LOGITS.argmax(1)
    found = measured(["accuracy", "f1", "precision", "recall", "auroc", "mcc", "kappa", "balanced_accuracy", "top3"], nn.CrossEntropyLoss(), LOGITS, CLASSES)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(CLASSES, guess))
    assert found["f1"] == pytest.approx(sk.f1_score(CLASSES, guess, average="macro"))
    assert found["precision"] == pytest.approx(sk.precision_score(CLASSES, guess, average="macro"))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(CLASSES, guess))
    assert found["auroc"] == pytest.approx(sk.roc_auc_score(CLASSES, LOGITS.softmax(1), multi_class="ovr"), abs=1e-5)
    assert found["mcc"] == pytest.approx(sk.matthews_corrcoef(CLASSES, guess), abs=1e-5)
    assert found["top3"] == 1.0


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
def test_two_classes_are_judged_as_probabilities_even_where_logits_lie_between_0_and_1(shape: tuple[int, ...]) -> None:
    logits = torch.linspace(0.1, 0.9, 40).view(shape)  # all of them say "yes"; as probabilities half of them would say "no"
    targets = torch.ones(shape)
    assert measured("accuracy", nn.BCEWithLogitsLoss(), logits, targets)["accuracy"] == 1.0
    assert measured("accuracy", nn.BCELoss(), logits, targets)["accuracy"] == pytest.approx(0.5)


def own(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(outputs.flatten(), targets.float().flatten())


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
@pytest.mark.parametrize("dtype", [torch.long, torch.float, torch.bool])
def test_a_loss_of_the_users_own_over_two_classes(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    logits, targets = torch.linspace(-3.0, 3.0, 40), torch.arange(40) % 2
    found = measured("accuracy", own, logits.view(shape), targets.to(dtype))
    assert found["accuracy"] == pytest.approx(float(((logits > 0) == (targets == 1)).float().mean()))


def test_several_labels() -> None:
    targets = (torch.rand(40, 4, generator=RANDOM) > 0.5).float()
    logits = torch.randn(40, 4, generator=RANDOM)
    found = measured(["accuracy", "f1", "auroc"], nn.BCEWithLogitsLoss(), logits, targets)
    assert found["accuracy"] == pytest.approx(float(((logits > 0) == (targets == 1)).float().mean()))


@pytest.mark.parametrize("width", [0, 1, 3])
def test_numbers(width: int) -> None:
    truth, guess = torch.randn(40, generator=RANDOM), torch.randn(40, generator=RANDOM)
    if width:
        truth, guess = torch.randn(40, width, generator=RANDOM), torch.randn(40, width, generator=RANDOM)
    found = measured(["mae", "mse", "rmse", "r2"], nn.MSELoss(), guess, truth)
    assert found["mae"] == pytest.approx(float((guess - truth).abs().mean()), abs=1e-6)
    assert found["mse"] == pytest.approx(float(F.mse_loss(guess, truth)), abs=1e-6)
    r2 = 1 - ((guess - truth) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)
    assert found["r2"] == pytest.approx(float(r2.mean()), abs=1e-5)
    assert set(measured("pearson", nn.L1Loss(), guess, truth)) == ({"pearson_0", "pearson_1", "pearson_2"} if width == 3 else {"pearson"})


def test_segmentation_and_what_is_ignored() -> None:
    logits, masks = torch.randn(40, 3, 4, 4, generator=RANDOM), torch.randint(3, (40, 4, 4), generator=RANDOM)
    masks[:, 0] = 255
    counted = masks != 255
    found = measured(["accuracy", "iou"], nn.CrossEntropyLoss(ignore_index=255), logits, masks)
    assert found["accuracy"] == pytest.approx(float((logits.argmax(1) == masks)[counted].float().mean()))
    assert 0 < found["iou"] < 1


def flattened(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def test_perplexity_is_the_exponential_of_the_cross_entropy() -> None:
    logits, tokens = torch.randn(40, 5, 7, generator=RANDOM), torch.randint(7, (40, 5), generator=RANDOM)
    expected = float(flattened(logits, tokens).exp())
    assert measured("perplexity", flattened, logits, tokens)["perplexity"] == pytest.approx(expected, rel=1e-4)
    assert measured("perplexity", nn.CrossEntropyLoss(), logits.transpose(1, 2), tokens)["perplexity"] == pytest.approx(expected, rel=1e-4)


class TinyForCausalLM(nn.Module):
    """A model that compares each prediction with the next token, as those of transformers do."""


def test_a_causal_language_model_is_asked_for_the_next_token() -> None:
    tokens = torch.randint(7, (40, 5), generator=RANDOM)
    logits = F.one_hot(tokens.roll(-1, 1), 7).float() * 50
    assert measured("accuracy", None, {"logits": logits}, tokens, TinyForCausalLM())["accuracy"] == 1.0


def test_options_and_names_of_ones_own() -> None:
    found = measured({"top2": {"type": "accuracy", "top_k": 2}, "each": {"type": "f1", "average": "none"}, "CohenKappa": {"weights": "linear"}}, nn.CrossEntropyLoss(), LOGITS, CLASSES)
    top = LOGITS.topk(2).indices
    assert found["top2"] == pytest.approx(float((top == CLASSES[:, None]).any(1).float().mean()))
    assert {"each_0", "each_1", "each_2", "CohenKappa"} <= set(found)


@pytest.mark.parametrize(
    "metrics, loss, outputs, targets, message",
    [
        ("accuracy", nn.MSELoss(), LOGITS, LOGITS, "is a metric of classes, and the task is a regression: outputs float32"),
        ("mae", nn.CrossEntropyLoss(), LOGITS, CLASSES, "is a metric of numbers, and the task has classes"),
        ({"f1": {"avrage": "macro"}}, nn.CrossEntropyLoss(), LOGITS, CLASSES, "metrics.f1 cannot be made"),
        ("perplexity", nn.MSELoss(), LOGITS, LOGITS, "metrics.perplexity does not fit"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(metrics: object, loss: nn.Module, outputs: Tensor, targets: Tensor, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        measured(metrics, loss, outputs, targets)


def test_after_a_reset_nothing_is_left() -> None:
    found = Metrics(read_config(metrics="accuracy"), TrainingSetup(nn.Linear(1, 1), nn.CrossEntropyLoss()))
    found(LOGITS, CLASSES)
    found.reset()
    found(LOGITS[:1], LOGITS[:1].argmax(1))
    assert found.compute() == {"accuracy": 1.0}
    assert Metrics(read_config(metrics="accuracy"), TrainingSetup(nn.Linear(1, 1), nn.CrossEntropyLoss())).compute() == {}


RANKS = """
import json, os, sys, torch, torch.distributed as dist
from nbdebug.training.config import read_config
from nbdebug.training.trainer.metrics import Metrics
from nbdebug.training_setup import TrainingSetup

def data():
    random = torch.Generator().manual_seed(0)
    return torch.randn(40, 3, generator=random), torch.randint(3, (40,), generator=random)

def main(rank, shares, store):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
    metrics = Metrics(read_config(metrics=["accuracy", "f1", "auroc", "perplexity"]), TrainingSetup(torch.nn.Linear(1, 1), torch.nn.CrossEntropyLoss()))
    outputs, targets = data()
    for epoch in range(2):
        metrics.reset()
        for row in shares[rank]:
            metrics(outputs[row : row + 1], targets[row : row + 1])
        found = metrics.compute()
    if rank == 0:
        print(json.dumps(found))
    both = [None, None]
    dist.all_gather_object(both, found)
    assert both[0] == both[1]
    dist.destroy_process_group()

if __name__ == "__main__":
    import tempfile
    import torchmetrics
    for shares in (range(0, 40, 2), range(1, 40, 2)), (range(40), ()):
        store = tempfile.mktemp()
        pids = []
        for rank in range(2):
            pid = os.fork()
            if pid == 0:
                try:
                    main(rank, shares, store)
                except BaseException:
                    import traceback; traceback.print_exc(); os._exit(1)
                sys.stdout.flush(); os._exit(0)
            pids.append(pid)
        assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the two ranks are forked from a small process")
def test_two_ranks_agree_with_one_even_when_one_of_them_has_no_data(tmp_path: object) -> None:
    script = tmp_path / "ranks.py"  # type: ignore[operator]
    script.write_text(RANKS)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    random = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(40, 3, generator=random), torch.randint(3, (40,), generator=random)
    expected = measured(["accuracy", "f1", "auroc", "perplexity"], nn.CrossEntropyLoss(), outputs, targets, batch=40)
    for line in done.stdout.splitlines():
        assert json.loads(line) == pytest.approx(expected, abs=1e-5)
    assert len(done.stdout.splitlines()) == 2
