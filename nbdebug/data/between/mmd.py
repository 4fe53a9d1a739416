"""Do whole samples differ between train and val? Multi-kernel MMD with its witness, beside random relabellings."""

from __future__ import annotations

from dataclasses import replace

import numpy
import torch

from nbdebug.data.between.found import Embedding
from nbdebug.data.between.parts import GROUPED, blocks, classes_of, groups
from nbdebug.data.between.vectors import comparable, embedded, evenly
from nbdebug.data.split import FieldData, Split

ROWS = 300  # of each split
FEWEST = 10
RIDGE = 0.1
WIDEST, NARROWER = 4.0, 4  # bandwidths of the median distance: 4, 2, 1, 0.5, 0.25
RELABELLED = 100  # times
LARGE = 0.9  # AUC of an alarm, our choice: nine times in ten a sample of val looks more like val
SIGMAS = 8.0  # of an alarm; random splits reach 4
ORDERED = 0.75  # AUC between a part of train and the rest, from which on the data differs by itself
PARTS = 800  # rows of train of which parts are compared
BEYOND = 4.5  # standard deviations of an AUC that tells nothing


def embedding(train: Split, val: Split, theirs: FieldData, ours: FieldData) -> Embedding | None:
    """Of one field; None where there is too little of it, or no vectors can be made.

    Source: Gretton et al., A kernel two-sample test (JMLR 2012), Sutherland et al. (ICLR 2017) for the witness; the sum of bandwidths
    is that of Li et al., Generative moment matching networks (2015).
    """
    if not comparable(theirs, ours):
        return None
    a, b = evenly(len(theirs.sample), ROWS), evenly(len(ours.sample), ROWS)
    if min(len(a), len(b)) < FEWEST:
        return None
    first, second = embedded(theirs, a), embedded(ours, b)
    if first is None or second is None or first[0].shape[1] != second[0].shape[1]:
        return None
    kernel = _kernel(first[0], second[0])
    if kernel is None:
        return None
    labels = torch.zeros(len(kernel), dtype=torch.float64)
    labels[: len(a)] = 1
    shuffled = torch.stack([labels[torch.from_numpy(p)] for p in _permutations(len(labels))])  # (100, N)
    null = _mmd(kernel, shuffled)
    mmd = float(_mmd(kernel, labels[None])[0])
    aucs = sorted(_auc(kernel, one) for one in shuffled[:20])
    found = Embedding(
        theirs.name, first[1], mmd, (mmd - float(null.mean())) / max(float(null.std()), 1e-12), _auc(kernel, labels),
        aucs[-1], _by_order(kernel, train, theirs, a), len(a) + len(b),
    )  # fmt: skip
    found = replace(found, why_legal=_why_legal(found))
    if not found.why_legal and _by_parts(train, theirs, val.samples / max(1, train.samples)):
        found = replace(found, why_legal=GROUPED)
    return found


def looks_apart(theirs: FieldData, ours: FieldData) -> bool:
    """A quick first look: whether a linear rule that was made of half of the samples tells the splits apart in the other half."""
    if not comparable(theirs, ours):
        return False
    a, b = embedded(theirs, evenly(len(theirs.sample), ROWS)), embedded(ours, evenly(len(ours.sample), ROWS))
    if a is None or b is None or a[0].shape[1] != b[0].shape[1] or min(len(a[0]), len(b[0])) < 2 * FEWEST:
        return False
    rows = torch.from_numpy(numpy.nan_to_num(numpy.concatenate([a[0], b[0]]).astype(numpy.float64), posinf=0.0, neginf=0.0))
    rows = ((rows - rows.median(0).values) / rows.std(0).clamp(min=1e-12)).clamp(-10, 10)
    side = torch.cat([-torch.ones(len(a[0])) / len(a[0]), torch.ones(len(b[0])) / len(b[0])]).double()
    known, asked = rows[::2], rows[1::2]
    inside = known.T @ known / len(known) + RIDGE * torch.eye(rows.shape[1], dtype=rows.dtype)
    score = (asked @ torch.linalg.solve(inside, known.T @ side[::2])).numpy()
    low, high = score[side[1::2].numpy() < 0], score[side[1::2].numpy() > 0]
    return float((high[:, None] > low).mean()) >= LARGE


def _kernel(first: numpy.ndarray, second: numpy.ndarray) -> torch.Tensor | None:
    rows = torch.from_numpy(numpy.nan_to_num(numpy.concatenate([first, second]).astype(numpy.float64), posinf=0.0, neginf=0.0))
    middle, spread = rows.median(0).values, rows.std(0)
    varying = spread > 1e-12 * rows.abs().amax(0).clamp(min=1e-300)
    if not bool(varying.any()):
        return None
    rows = ((rows - middle) / spread)[:, varying].clamp(-10, 10)  # one wild value must not make all others alike
    square = torch.cdist(rows, rows).square()
    some = square[::3, 1::2]
    if not bool((some > 0).any()):
        return None
    usual = some[some > 0].median()
    one = torch.exp(-square / (usual * WIDEST**2))
    kernel = one
    for _ in range(NARROWER):
        one = one.square().square()  # half the bandwidth is the fourth power
        kernel = kernel + one
    return kernel


def _permutations(count: int) -> list[numpy.ndarray]:
    random = numpy.random.default_rng(0)
    return [random.permutation(count) for _ in range(RELABELLED)]


def _mmd(kernel: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(L,) unbiased squared MMD of each labelling (L, N); 1 is train."""
    n = labels.sum(1)
    m = labels.shape[1] - n
    inside, other, diagonal = labels @ kernel, (1 - labels) @ kernel, kernel.diagonal()
    xx = ((inside * labels).sum(1) - labels @ diagonal) / (n * (n - 1))
    yy = ((other * (1 - labels)).sum(1) - (1 - labels) @ diagonal) / (m * (m - 1))
    return xx + yy - 2 * (inside * (1 - labels)).sum(1) / (n * m)


def _auc(kernel: torch.Tensor, labels: torch.Tensor) -> float:
    """How often the witness, which knows all but the sample itself, puts one of val above one of train."""
    own = kernel.diagonal()
    n, m = labels.sum(), (1 - labels).sum()
    train = (kernel @ labels - own * labels) / (n - labels)
    val = (kernel @ (1 - labels) - own * (1 - labels)) / (m - (1 - labels))
    score = (val - train).numpy()
    theirs, ours = numpy.sort(score[labels.numpy() == 1]), score[labels.numpy() == 0]
    below = (numpy.searchsorted(theirs, ours, "left") + numpy.searchsorted(theirs, ours, "right")) / 2
    return float(below.mean() / max(1, len(theirs)))


def _by_order(kernel: torch.Tensor, train: Split, field: FieldData, rows: numpy.ndarray) -> float:
    """The AUC between one end of train, as its rows lie, and the other."""
    ids = train.ids[rows] if train.by_index and len(train.ids) == len(field.sample) else numpy.arange(len(rows))
    labels = torch.zeros(len(rows), dtype=torch.float64)
    labels[torch.from_numpy(numpy.argsort(ids, kind="stable")[: len(rows) * 3 // 4].copy())] = 1
    return _auc(kernel[: len(rows), : len(rows)], labels)


def _by_parts(train: Split, field: FieldData, share: float) -> bool:
    """Whether some part of train can be told from the rest of it, as val can."""
    rows = evenly(len(field.sample), PARTS)
    if train.by_index and len(train.ids) == len(field.sample):
        rows = rows[numpy.argsort(train.ids[rows], kind="stable")]
    made = embedded(field, rows)
    kernel = _kernel(made[0], made[0][:0]) if made is not None else None
    if made is None or kernel is None:
        return False
    parts = numpy.concatenate([blocks(len(rows), share), groups(made[0], classes_of(train, rows))])
    for part in torch.from_numpy(parts):
        n, m = int(part.sum()), int((~part).sum())
        if min(n, m) >= FEWEST and _auc(kernel, (~part).double()) > max(ORDERED, 0.5 + BEYOND * ((n + m + 1) / (12 * n * m)) ** 0.5):
            return True
    return False


def _why_legal(found: Embedding) -> str:
    if found.auc < LARGE or found.sigmas < SIGMAS:
        return "small"
    if found.by_order > ORDERED:
        return GROUPED
    return ""
