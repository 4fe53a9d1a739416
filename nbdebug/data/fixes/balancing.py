"""Uneven classes: weights for the loss, or a sampler that draws them evenly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy
import torch
from torch.nn import functional as F
from torch.utils.data import Dataset, TensorDataset

from nbdebug.data.chunk import chunk_of
from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled
from nbdebug.loading import Delivered

UNEVEN, ALARMING = 10.0, 20.0  # most frequent over rarest class: from the one ND107 speaks, from the other it warns, if there is a loss
ENOUGH = 30  # samples a class, on average
WRITTEN = 20  # classes whose weights are written out
BATCH = 32  # samples, where the data came as a table
DRAWN = 4000  # samples of a trial draw
FAIR = 0.25  # by which a class may miss its even share in that draw


def balancing(sampled: Sampled) -> Iterator[Draft]:
    """Class weights and a WeightedRandomSampler. What a loader delivers is counted, so one that has a sampler is even."""
    target = sampled.target
    if target is None or target.kind != "classes" or len(numpy.shape(target.sample)) != 1:
        return
    counts = target.facts.counts
    if len(counts) < 2 or max(counts.values()) < UNEVEN * min(counts.values()) or sum(counts.values()) < ENOUGH * len(counts):
        return
    common, rare = max(counts, key=counts.get), min(counts, key=counts.get)
    why = f"class {common} has {counts[common]:,} samples, class {rare} has {counts[rare]:,} ({counts[common] / counts[rare]:.0f} to 1)"
    optional = sampled.context.setup is None or counts[common] < ALARMING * counts[rare]
    if not _is_weighted(sampled):
        draft = _binary_weight(counts, why) if set(counts) == {0, 1} else _class_weights(sampled, counts, why)
        yield replace(draft, optional=optional)
    if not getattr(target.facts, "coding", ""):  # labels that come as rows with a 1 would have to be read first
        yield replace(_sampler(sampled, counts, why), optional=optional)


def _is_weighted(sampled: Sampled) -> bool:
    loss_fn = getattr(sampled.context.setup, "loss_fn", None)
    return getattr(loss_fn, "weight", None) is not None or getattr(loss_fn, "pos_weight", None) is not None


def _indices(counts: dict[Any, int]) -> dict[Any, int]:
    """Label → class index: itself where the labels are whole numbers from 0 on, else its place in the sorted order."""
    if all(isinstance(label, int) and label >= 0 for label in counts) and max(counts) < 2 * len(counts):
        return {label: int(label) for label in counts}
    return {label: place for place, label in enumerate(sorted(counts, key=lambda label: (str(type(label)), label)))}


def _class_weights(sampled: Sampled, counts: dict[Any, int], why: str) -> Draft:
    index = _indices(counts)
    classes = max(index.values()) + 1
    by_class = [0] * classes
    for label, place in index.items():
        by_class[place] = counts[label]
    order = "" if all(label == place for label, place in index.items()) else f"; classes are {sorted(index, key=index.get)}"
    if classes <= WRITTEN and len(order) < 200:
        total, kinds = sum(by_class), len(counts)
        weights = [float(f"{total / (kinds * n):.4g}") if n else 0.0 for n in by_class]
        made = [f"weight = torch.tensor({weights})  # all samples / (classes * samples of the class){order}"]
    else:
        codes = _indices_of(sampled) if sampled.is_table else _targets_of(sampled)
        made = [codes, "counts = torch.bincount(torch.as_tensor(train_targets))", "weight = counts.sum() / ((counts > 0).sum() * counts.clamp(min=1))"]
    stated = f"# your head has {classes} outputs"
    code = "\n".join([stated, "import torch", *made, "loss_fn = torch.nn.CrossEntropyLoss(weight=weight)  # weight.to(device) on a GPU"])

    def given() -> dict[str, Any]:
        labels = torch.repeat_interleave(torch.arange(classes), torch.tensor(by_class))
        if sampled.is_table:
            import pandas

            named = {place: label for label, place in index.items()}
            return {"train_targets": labels, "train_df": pandas.DataFrame({sampled.target.name: [named[place] for place in labels.tolist()]})}
        return {"train_targets": labels, "train_dataset": _Pairs(sampled, labels)}

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        shares = numpy.array([float(after["weight"][place]) * n for place, n in enumerate(by_class) if n])
        labels = before["train_targets"][:: max(1, len(before["train_targets"]) // DRAWN)]
        loss = after["loss_fn"](torch.zeros(len(labels), classes), labels)
        if shares.max() > 1.01 * shares.min() or not torch.isfinite(loss):
            return ""
        was = max(by_class) / sum(by_class)
        return f"each of {len(shares)} classes now carries {1 / len(shares):.1%} of the loss; the most frequent had {was:.1%}"

    return Draft("class weights for the loss", why, code, given, verify)


class _Pairs(Dataset):
    """Samples of labels (N,) alone, laid out as those of the user's dataset."""

    def __init__(self, sampled: Sampled, labels: torch.Tensor) -> None:
        first = sampled.train.first
        self.keys = list(first) if isinstance(first, dict) else None
        self.tensors = (labels,) * (len(first) if isinstance(first, (list, tuple, dict)) else 1)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> Any:
        parts = [part[index] for part in self.tensors]
        return dict(zip(self.keys, parts, strict=True)) if self.keys is not None else tuple(parts)


def _targets_of(sampled: Sampled) -> str:
    """The line that takes the labels of all samples out of a dataset."""
    first, name = sampled.train.first, sampled.target.name
    if isinstance(first, dict):
        return f"train_targets = [int(sample[{name!r}]) for sample in (train_dataset[i] for i in range(len(train_dataset)))]"
    if isinstance(sampled.train.dataset, TensorDataset):
        return f"train_targets = train_dataset.tensors[{len(first) - 1}]"
    return f"train_targets = [int(train_dataset[i][{len(first) - 1}]) for i in range(len(train_dataset))]  # reads every sample once"


def _indices_of(sampled: Sampled) -> str:
    """The same of a frame, as class indices."""
    return f'train_targets = torch.tensor(train_df[{sampled.target.name!r}].astype("category").cat.codes.to_numpy()).long()'


def _binary_weight(counts: dict[Any, int], why: str) -> Draft:
    ratio = float(f"{counts[0] / counts[1]:.4g}")
    weights = [float(f"{sum(counts.values()) / (2 * counts[label]):.4g}") for label in (0, 1)]
    code = "\n".join([
        "# a head with one output, or with two: take the line that fits yours", "import torch",
        f"loss_fn = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor({ratio}))  # one output: samples of 0 / samples of 1",
        f"two_outputs = torch.nn.CrossEntropyLoss(weight=torch.tensor({weights}))  # all samples / (2 * samples of the class)",
    ])  # fmt: skip

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        one, zero = torch.ones(1), torch.zeros(1)
        pull = {label: float(after["loss_fn"](zero, one * label)) * counts[label] for label in (0, 1)}
        weight = after["two_outputs"].weight
        halves = [float(weight[label]) * counts[label] for label in (0, 1)]
        fair = max(pull.values()) <= 1.01 * min(pull.values()) and max(halves) <= 1.01 * min(halves)
        loss = F.cross_entropy(torch.zeros(2, 2), torch.tensor([0, 1]), weight=weight)
        if not fair or not torch.isfinite(loss):
            return ""
        return f"both classes now carry half of the loss; the rare one had {min(counts[0], counts[1]) / (counts[0] + counts[1]):.1%}"

    return Draft("class weights for the loss", why, code, dict, verify)


def _sampler(sampled: Sampled, counts: dict[Any, int], why: str) -> Draft:
    size = BATCH if sampled.is_table else chunk_of(Delivered(0, sampled.train.first, None), 0, getattr(sampled.context.setup, "model", None)).size
    if sampled.is_table:
        name = sampled.target.name
        stated = "# train_df: your DataFrame"
        labels = [
            _indices_of(sampled), "labels = train_targets",
            f'numbers = train_df.drop(columns={[name]!r}).select_dtypes("number").to_numpy("float32")',
            "train_dataset = TensorDataset(torch.tensor(numbers), labels)  # or your own, in the same order",
        ]
    else:
        stated = "# train_dataset: your dataset"
        labels = [_targets_of(sampled), "labels = torch.unique(torch.as_tensor(train_targets), return_inverse=True)[1]"]
    code = "\n".join([
        stated, "import torch", f"from torch.utils.data import DataLoader, {'TensorDataset, ' * sampled.is_table}WeightedRandomSampler", *labels,
        "weights = 1.0 / torch.bincount(labels)[labels]  # of each sample", "sampler = WeightedRandomSampler(weights, num_samples=len(weights))",
        f"train_loader = DataLoader(train_dataset, batch_size={size}, sampler=sampler)  # instead of shuffle=True",
    ])  # fmt: skip

    def given() -> dict[str, Any]:
        codes = [code for code in sampled.target.sample.tolist() if code >= 0]
        labels = [sampled.target.facts.names[code] for code in codes]
        if sampled.is_table:
            import pandas

            return {"train_df": pandas.DataFrame({sampled.target.name: labels, "number": numpy.arange(len(labels), dtype=float)})}
        return {"train_dataset": _Pairs(sampled, torch.tensor(labels))}

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        codes = torch.tensor([code for code in sampled.target.sample.tolist() if code >= 0])
        after["sampler"].generator, after["sampler"].num_samples = torch.Generator().manual_seed(0), DRAWN
        drawn = torch.bincount(codes[list(after["sampler"])], minlength=len(counts))
        shares = drawn[codes.unique()] / DRAWN
        even = 1 / len(shares)
        next(iter(after["train_loader"]))
        if len(shares) > DRAWN // 200 or float((shares - even).abs().max()) > FAIR * even:
            return ""
        before_share = float(torch.bincount(codes).max() / len(codes))
        return f"{DRAWN:,} samples drawn: classes have {float(shares.min()):.1%}..{float(shares.max()):.1%} of them; the most frequent had {before_share:.1%}"

    return Draft("a sampler that draws the classes evenly", why, code, given, verify)
