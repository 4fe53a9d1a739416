"""What kind of question a training answers, read from its loss and from the first outputs and targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.training_setup import TrainingSetup

OF_CLASSES = {"CrossEntropyLoss": "softmax", "NLLLoss": "exp", "Focal": "softmax", "cross_entropy": "softmax", "nll_loss": "exp"}
OF_TWO = {
    "BCEWithLogitsLoss": "sigmoid", "BCELoss": "", "SmoothedBinary": "sigmoid", "binary_cross_entropy_with_logits": "sigmoid", "binary_cross_entropy": "",
}  # fmt: skip
TASKED = frozenset(  # classes of torchmetrics that are told the task
    ("Accuracy F1Score FBetaScore Precision Recall Specificity AUROC AveragePrecision MatthewsCorrCoef CohenKappa JaccardIndex HammingDistance "
     "CalibrationError ExactMatch StatScores").split()
)  # fmt: skip
OF_NUMBERS = frozenset(
    ("MeanAbsoluteError MeanSquaredError R2Score MeanAbsolutePercentageError SymmetricMeanAbsolutePercentageError ExplainedVariance PearsonCorrCoef "
     "SpearmanCorrCoef").split()
)  # fmt: skip
NEXT_TOKEN = ("CausalLM", "LMHead")  # classes of transformers that compare a prediction with the next token


@dataclass(frozen=True)
class Task:
    """Plain values, so that a rank that has seen no batch can be told by the others."""

    kind: str  # multiclass, binary, multilabel, regression
    classes: int  # or labels, or numbers for each sample
    class_dim: int = 1  # where the classes stand among the dimensions of the outputs
    to_probability: str = ""  # softmax, sigmoid, exp; empty: the outputs are taken as they are
    ignore: int | None = None  # a target that is not counted
    shifted: bool = False  # outputs are compared with the next target
    said: str = ""  # outputs and targets in words, for errors

    @property
    def sizes(self) -> dict[str, int]:
        """As torchmetrics calls them."""
        return {"multiclass": {"num_classes": self.classes}, "multilabel": {"num_labels": self.classes}}.get(self.kind, {})

    def ready(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions (samples, classes) as probabilities and the truth (samples,), or both (samples, labels) or (samples,) otherwise."""
        if self.kind != "multiclass":
            outputs, targets = outputs.float(), targets.reshape(outputs.shape)
            if self.kind == "multilabel":
                return self._probability(outputs), targets.float().round().long()
            flat = (outputs.reshape(-1), targets.reshape(-1)) if self.classes == 1 else (outputs.flatten(1), targets.flatten(1))
            return (self._probability(flat[0]), flat[1].float().round().long()) if self.kind == "binary" else (flat[0], flat[1].float())
        predictions = outputs.movedim(self.class_dim, -1)
        if self.shifted:
            predictions, targets = predictions[:, :-1], targets[:, 1:]
        if targets.is_floating_point():
            targets = targets.movedim(self.class_dim, -1).argmax(-1)  # of probabilities the most likely
        predictions, targets = predictions.reshape(-1, self.classes).float(), targets.reshape(-1).long()
        counted = targets != self.ignore if self.ignore is not None else torch.ones_like(targets, dtype=torch.bool)
        return self._probability(predictions[counted]), targets[counted]

    def fed(self, metric: str, predictions: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """As one metric wants them: a perplexity reads sequences, and takes logarithms of probabilities for logits."""
        if metric != "Perplexity" or self.kind != "multiclass":
            return predictions, targets
        logits = predictions.clamp(min=torch.finfo(predictions.dtype).tiny).log() if self.to_probability else predictions
        return logits.unsqueeze(0), targets.unsqueeze(0)

    def _probability(self, outputs: Tensor) -> Tensor:
        if self.to_probability == "softmax":
            return outputs.softmax(-1)
        return {"sigmoid": torch.sigmoid, "exp": torch.exp}.get(self.to_probability, lambda same: same)(outputs)


def compared(setup: TrainingSetup, outputs: Any, targets: Any) -> tuple[Tensor, Tensor] | None:
    """The prediction and the tensor that it is compared with; None where they are not known."""
    predicted = batches.prediction(outputs)
    truths = [tensor for _, tensor in batches.tensors(targets)]
    if predicted is None or len(truths) != 1 or setup.batch_loss is not None:
        return None
    return predicted.detach(), truths[0].detach().to(predicted.device)


def task_of(setup: TrainingSetup, outputs: Tensor, targets: Tensor, *, classes: bool) -> Task:
    """The task of a setup, by its loss; where the loss does not tell, by the types and shapes of outputs and targets.

    Args:
        classes: a metric of classes is wanted, so that zeros and ones are no numbers.
    """
    loss = setup.loss_fn
    name = getattr(getattr(loss, "func", loss), "__name__", type(loss).__name__)
    said = f"outputs {batches.describe(outputs)} and targets {batches.describe(targets)}"
    ignore = getattr(loss, "ignore_index", -100) if name in OF_CLASSES or loss is None else None
    whole = not targets.is_floating_point()
    alike = outputs.numel() == targets.numel()
    zeros_and_ones = alike and bool(((targets == 0) | (targets == 1)).all())
    if name in OF_TWO or (name == "Focal" and not whole) or (name not in OF_CLASSES and classes and zeros_and_ones):
        labels = outputs.shape[1] if outputs.ndim == 2 and outputs.shape[1] > 1 else 1
        probability = OF_TWO.get(name, "sigmoid" if name == "Focal" or _free(outputs) else "")
        return Task("multilabel" if labels > 1 else "binary", labels, to_probability=probability, said=said)
    if name in OF_CLASSES or (whole and not alike and outputs.ndim == targets.ndim + 1 and outputs.is_floating_point()):
        dim = _class_dim(outputs, targets, named=name in OF_CLASSES)
        shifted = loss is None and any(part in type(setup.model).__name__ for part in NEXT_TOKEN)
        return Task("multiclass", outputs.shape[dim], dim, OF_CLASSES.get(name, "softmax" if _free(outputs) else ""), ignore, shifted, said)
    return Task("regression", outputs.flatten(1).shape[1] if outputs.ndim > 1 else 1, said=said)


def _class_dim(outputs: Tensor, targets: Tensor, *, named: bool) -> int:
    """torch's losses have classes second (or alone, without samples); a loss of the user's flattens, mostly with classes last."""
    if outputs.ndim == 1:
        return 0
    if named or outputs.ndim == 2:
        return 1
    return outputs.ndim - 1 if outputs.shape[:-1] == targets.shape else 1


def _free(outputs: Tensor) -> bool:
    """Whether outputs are no probabilities: some are below 0 or above 1."""
    return bool(((outputs < 0) | (outputs > 1)).any())
