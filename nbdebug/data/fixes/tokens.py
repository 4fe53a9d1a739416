"""Token sequences: an embedding too small, padding that the loss counts, and padding beyond the longest of a batch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy
import torch
from torch.nn import functional as F

from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled

BATCH = 32
LEFT_OUT = -100  # what cross_entropy leaves out by itself
MOST_CLASSES = 100  # of the trial's predictions
MUCH = 0.3  # of all tokens that are padding no batch needs
FEWEST = 32  # sampled sequences


def tokens(sampled: Sampled) -> Iterator[Draft]:
    """What fits a model to its vocabulary and its padding."""
    if sampled.field is None or sampled.field.kind != "tokens" or sampled.is_table:
        return
    yield from _vocabulary(sampled)
    yield from _unscored(sampled)
    yield from _padding(sampled)


def _vocabulary(sampled: Sampled) -> Iterator[Draft]:
    """For a model whose first embedding is smaller than the largest token."""
    setup = sampled.context.setup
    parts = [part for part in (sampled.field, sampled.val_field) if part is not None]
    highest, lowest = max(part.facts.highest for part in parts), min(part.facts.lowest for part in parts)
    embeddings = [m for m in setup.model.modules() if isinstance(m, torch.nn.Embedding)] if setup is not None else []
    if not embeddings or lowest < 0 or highest < max(m.num_embeddings for m in embeddings):
        return
    old = max(embeddings, key=lambda m: m.num_embeddings)
    padding = "" if old.padding_idx is None else f", padding_idx={old.padding_idx}"
    code = "\n".join([
        "# where your model makes its embedding", "import torch", f"vocabulary = {highest + 1}  # largest token of train and val + 1",
        f"embedding = torch.nn.Embedding(vocabulary, {old.embedding_dim}{padding})",
    ])  # fmt: skip

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        rows = [after["embedding"](torch.as_tensor(row).long()) for part in parts for row in part.sample]
        after["embedding"](torch.tensor([lowest, highest]))
        return f"{len(rows):,} sampled sequences and the tokens {lowest} and {highest} were looked up in it"

    yield Draft("an embedding for the whole vocabulary", f"tokens run {lowest}..{highest}, the embedding has {old.num_embeddings} rows", code, dict, verify)


def _unscored(sampled: Sampled) -> Iterator[Draft]:
    """Where the look at the structure has proved that the loss counts padding."""
    look = sampled.answers.get("structure")
    for scored in look.padding if look is not None else ():
        field, teller = sampled.train.named(scored.field), sampled.train.named(scored.told_by)
        if not (scored.scored and scored.sure and isinstance(scored.value, int)) or field is None or field.kind != "tokens" or teller is None:
            continue
        targets, telling = _stacked(field.sample), _stacked(teller.sample)
        padding = getattr(teller.facts, "padding", None)
        if targets is None or telling is None or padding is None or telling.shape != targets.shape:
            continue
        name = re.sub(r"\W+", "_", scored.told_by).strip("_")
        code = "\n".join([
            f"# {name}, targets: {scored.told_by} and {scored.field} of a batch, {sampled.shape}; in the training loop, the collate function or the loss",
            f"targets = targets.masked_fill({name} == {padding}, {LEFT_OUT})  # which cross_entropy leaves out",
        ])  # fmt: skip
        why = f"{scored.positions:,} of {scored.of:,} targets of the first batch are padding, and {scored.share:.0%} of the loss's slope comes from them"
        yield Draft(
            "leave the padding out of the loss", why, code, lambda name=name, t=targets, x=telling: {name: x.clone(), "targets": t.clone()},
            lambda before, after, name=name, pad=padding: _left_out(before["targets"], after["targets"], before[name] == pad),
        )  # fmt: skip


def _left_out(before: torch.Tensor, after: torch.Tensor, padded: torch.Tensor) -> str:
    """Predictions at the padding are exchanged: the loss must not move, and with others exchanged it must."""
    random = torch.Generator().manual_seed(0)
    classes = int(before.max()) + 1
    rows = slice(0, BATCH)
    scores, others = (torch.randn(*before[rows].shape, min(classes, MOST_CLASSES), generator=random) for _ in range(2))
    targets, padded = after[rows].clamp(max=min(classes, MOST_CLASSES) - 1), padded[rows, :, None]

    def loss(predicted: torch.Tensor) -> float:
        return float(F.cross_entropy(predicted.flatten(0, 1), targets.flatten()))

    still, moved = loss(torch.where(padded, others, scores)), loss(torch.where(padded, scores, others))
    if still != loss(scores) or moved == loss(scores) or not torch.equal(before[rows][~padded[..., 0]], after[rows][~padded[..., 0]]):
        return ""
    return f"{int(padded.sum()):,} of {padded.numel():,} sampled targets are left out: whatever is predicted there, the loss stays the same"


def _stacked(sample: Any) -> torch.Tensor | None:
    """(K, T), None where the sequences differ in length."""
    rows = [torch.as_tensor(row) for row in sample] if isinstance(sample, list) else []
    return torch.stack(rows).long() if rows and len({tuple(row.shape) for row in rows}) == 1 and rows[0].ndim == 1 else None


def _padding(sampled: Sampled) -> Iterator[Draft]:
    pad = getattr(sampled.field.facts, "padding", None)
    rows = sampled.field.sample
    if pad is None or len(rows) < FEWEST or len({len(row) for row in rows}) > 1 or numpy.ndim(rows[0]) != 1:
        return
    inputs = torch.stack([torch.as_tensor(row) for row in rows])
    needed = _trimmed_share(inputs, pad)
    if needed > 1 - MUCH:
        return
    width = inputs.shape[1]
    code = "\n".join([
        "# input_ids: a batch of sequences, (N, T); in the training loop or the collate function, with masks and targets cut alike",
        f"longest = int((input_ids != {pad}).sum(dim=1).max())", "input_ids = input_ids[:, :max(longest, 1)]",
    ])  # fmt: skip

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        cut = before["input_ids"][:, after["input_ids"].shape[1] :]
        if (cut != pad).any() or after["input_ids"].shape[1] >= width:
            return ""
        return f"{1 - needed:.0%} of all tokens are gone over batches of {BATCH}, all of them {pad}"

    why = f"every sequence is {width} long; a batch needs {needed:.0%} of that on average, the rest is {pad}"
    yield Draft("pad only as far as a batch needs", why, code, lambda: {"input_ids": inputs[:BATCH].clone()}, verify, optional=True)


def _trimmed_share(inputs: torch.Tensor, pad: int) -> float:
    """Tokens that are left when each batch is cut to its longest sequence."""
    left = [int((batch != pad).sum(1).max()) for batch in inputs.split(BATCH)]
    return sum(left) / (len(left) * inputs.shape[1])
