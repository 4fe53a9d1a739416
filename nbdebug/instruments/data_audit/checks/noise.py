"""How many labels may be wrong?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.classes.noise import Noise
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.checks.classes import misaligned
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook

EXTREME = 0.2  # rate of wrong labels that is worth an alarm, for certain
SURE = 0.95  # share of places whose class two juries of neighbours agree on
WORTH_TELLING = 0.01  # rate of wrong labels, for certain


@data_audit.check("ND120", "label noise", severity=INFO, advice="look at the samples in the gallery, the clearest first, and relabel")
def label_noise(look: DataLook) -> Iterator[Seen]:
    """Labels that are wrong here and there.

    Wrong: a wrong label is learnt by heart late in training, and in validation it sets a ceiling that no model passes.
    Seen: neighbours name another label, far more often than chance, also deep inside a class: where classes overlap,
        contradictions die out from the border inwards. The rate is that of the deepest quarter of the samples with its
        interval of 95 %; it is worth knowing from 1 % on. It warns when more than 20 % are wrong for certain, just as
        many everywhere but at the border, and two juries of neighbours agree on the class of more than 95 % of places.
    Where: the loader and its targets, the clearest samples.
    Try: look at the suspects, relabel or drop them; label smoothing bears what is left.
    Bad:
        right = torch.randint(0, 10, (1000,))
        inputs = torch.randn(10, 64)[right] + 0.5 * torch.randn(1000, 64)
        wrong = torch.rand(1000) < 0.4
        labels = torch.where(wrong, torch.randint(0, 10, (1000,)), right)
        train_loader = DataLoader(TensorDataset(inputs, labels), batch_size=32, shuffle=True)
    Good:
        right = torch.randint(0, 10, (1000,))
        inputs = torch.randn(10, 64)[right] + 0.5 * torch.randn(1000, 64)
        train_loader = DataLoader(TensorDataset(inputs, right), batch_size=32, shuffle=True)
    Source: Brodley and Friedl, Identifying mislabeled training data (1999); Northcutt et al., Confident learning (2021).
    """
    found = look.answer("classes")
    noise = found.noise
    if noise is None:
        raise NotChecked(found.left_out.get("noise", "the data was not read that far"))
    if found.alignment is not None and any(seen.evidence["split"] == noise.split for seen in misaligned(found.alignment)):
        raise NotChecked("labels and inputs do not belong together in the first place: see ND104")
    if noise.steady and noise.low >= WORTH_TELLING:
        yield _noise(noise)


def _noise(noise: Noise) -> Seen:
    deep = noise.layers[-1]
    message = (
        f"about {noise.rate:.0%} of the labels may be wrong ({noise.low:.0%} to {noise.high:.0%}): deep inside the classes, neighbours "
        f"contradict {deep.contradicted:,} of {deep.samples:,}"
    )
    if noise.candidates:
        clearest = noise.candidates[0]
        message += f"; the clearest is {clearest.name}, {clearest.label} among {clearest.votes} of {clearest.asked} neighbours that are {clearest.neighbours}"
    evidence = {
        "split": noise.split, "rate": noise.rate, "low": noise.low, "high": noise.high, "candidates": noise.found,
        "samples": ",".join(str(one.id) for one in noise.candidates),
    }  # fmt: skip
    extreme = noise.low > EXTREME and noise.even and noise.sure > SURE
    return Seen(message, Location(detail=f"{noise.split} {noise.field}"), evidence, severity=WARNING if extreme else None)
