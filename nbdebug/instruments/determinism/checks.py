"""The check of the repeated training."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.determinism.instrument import determinism
from nbdebug.instruments.determinism.result import Determinism, Parting

ADVICE = {
    "sample": "draw the augmentation from torch's random numbers, or from a generator that is seeded for the sample; not from the clock or the system",
    "forward": "look for random numbers that no seed reaches, memory that was never written (torch.empty), sets whose order is used; "
    "for operators of torch: nbdebug.seed_everything(0, deterministic=True)",
    "update": "look at what the optimizer reads beside the gradient: the clock, random numbers of its own",
}


@determinism.check("ND715", "not deterministic", severity=WARNING, advice=ADVICE["forward"])
def not_deterministic(result: Determinism) -> Iterator[Seen]:
    """The same training from the same state and seed gives other numbers.

    Wrong: a run cannot be repeated, so that no two experiments can be compared, and a failure cannot be looked at twice.
    Seen: a few steps are done twice from the same weights, buffers, optimizer and random state; every sample, every
        operator's result, every gradient and every weight is compared bit for bit. The first that differs is named. Generators of
        your own are put back between the two, so that only what no seed can reach is accused.
    Where: the sample by its dataset index, or the operator with the module and line; in the backward pass the forward line it
        belongs to.
    Try: random numbers from torch, NumPy or Python, seeded by `nbdebug.seed_everything`; `deterministic=True` for
        operators that add in any order, as scatter and index_add do on a GPU.
    Bad:
        import os

        class Jittered(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Linear(64, 10)

            def forward(self, x):
                noise = torch.frombuffer(bytearray(os.urandom(64)), dtype=torch.uint8) / 255 - 0.5
                return self.body(x + 0.1 * noise)

        model = Jittered()
    Good:
        class Jittered(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Linear(64, 10)

            def forward(self, x):
                return self.body(x + 0.1 * (torch.rand(64) - 0.5))

        model = Jittered()
    Source: PyTorch documentation, Reproducibility.
    """
    if len(result.losses) < 2:
        raise NotChecked("the second training did not come to its end")
    if result.untold:
        raise NotChecked(result.untold[0])
    if result.parting is not None:
        yield _seen(result.parting)


def _seen(parting: Parting) -> Seen:
    told = {
        "sample": f"{parting.name} came out differently the second time, after the same seed",
        "forward": f"{parting.name} gave other numbers the second time, from inputs that were the same bit for bit",
        "backward": f"{parting.name} sent another gradient back the second time; everything before it was the same bit for bit",
        "gradient": f"the gradient of {parting.name} was another the second time; the forward pass was the same bit for bit",
        "update": f"the optimizer moved {parting.name} differently the second time, by the same gradients",
        "end": f"one of the two trainings went on where the other ended, at {parting.name}",
    }[parting.what]
    evidence = {"step": parting.step, "equal_before": parting.compared, "phase": parting.what}
    return Seen(f"step {parting.step}: {told}", parting.place, evidence, advice=ADVICE.get(parting.what))
