"""Does the model wait for the loader?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.running import Cost, SpeedLook
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.loader_audit.measure import loader_audit
from nbdebug.instruments.loader_audit.result import LoaderLooks
from nbdebug.instruments.loader_audit.waiting import STEP, matters, why_calm

DOMINATING = 0.5  # share of a sample's time


@loader_audit.check("ND810", "loader starved", severity=WARNING)
def loader_starved(looks: LoaderLooks) -> Iterator[Seen]:
    """The model waits for the loader most of the time.

    Wrong: an epoch takes as long as the loader takes, and the accelerator idles.
    Seen: batches a second of a twin of your loader, beside forward and backward of such a batch without an update (an estimate). It
        warns when the model would wait more than 60 % of the time and more than a second in each epoch, the loader takes more than
        twice as long as the step, and another configuration was measured to be faster beyond the noise, or one transform takes more
        than half of a sample's time. Otherwise it is worth knowing. Never part of a checkup.
    Where: the loader, the transform.
    Try: the configuration that was measured, or do what that transform does once and keep the result.
    Bad:
        class Slow(torch.utils.data.Dataset):
            def __init__(self):
                self.transform = lambda x: x + 0 * sum(range(40_000))

            def __len__(self):
                return 100 * len(inputs)

            def __getitem__(self, i):
                return self.transform(inputs[i % len(inputs)]), targets[i % len(inputs)]

        train_loader = DataLoader(Slow(), batch_size=32, shuffle=True)
    Good:
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Source: measured on the machine at hand; 60 %, the second and the factor 2 are our choice.
    """
    speed = looks.speed
    if speed is None:
        raise NotChecked(looks.why_no_speed or "its speed was not measured")
    if speed.waiting is None and STEP in speed.not_measured:
        raise NotChecked(f"there was no time to measure {STEP}")
    if speed.waiting is None:
        raise NotChecked("without a model and a loss it is not known how long a step takes")
    if not why_calm(speed):
        yield _starved(speed, looks)


def _starved(speed: SpeedLook, looks: LoaderLooks) -> Seen:
    costly = next((c for c in speed.costs if c.part in looks.train.transforms and _dominates(c, speed)), None)
    loads, trains = (f"{1000 * seconds:.1f} ms" for seconds in (speed.own.batch_seconds, speed.step_seconds))
    message = f"the model would wait {speed.waiting:.0%} of the time: a batch takes {loads} to load, {trains} to train on (an estimate)"
    message += f", which is {speed.lost:.3g} s of each epoch" if speed.lost is not None else ""
    advice = "load with more workers, or prepare the samples once"
    if speed.best is not None:
        message += f"; with {speed.best.options()} it took {1000 * speed.best.batch_seconds:.1f} ms"
        advice = looks.call or speed.best.options()
    if costly is not None:
        message += f"; {costly.part} takes {costly.share:.0%} of a sample's time"
        advice = advice if speed.best is not None else f"do what {costly.part} does once and keep the result, or make it cheaper"
    place = Location(detail=", ".join(filter(None, [speed.name, f"num_workers={speed.own.num_workers}", costly.part if costly else ""])))
    evidence = {
        "waiting": speed.waiting, "batch_seconds": speed.own.batch_seconds, "step_seconds": speed.step_seconds, "lost_seconds": speed.lost,
    }  # fmt: skip
    severity = WARNING if matters(speed) and (speed.best is not None or costly is not None) else INFO
    return Seen(message, place, evidence, severity=severity, advice=advice)


def _dominates(cost: Cost, speed: SpeedLook) -> bool:
    """Whether one transform is what the loader takes so long for, and not the start of its workers."""
    batch = cost.milliseconds / 1000 * speed.own.samples_per_second * speed.own.batch_seconds
    return cost.share > DOMINATING and batch > DOMINATING * speed.own.batch_seconds * max(1, speed.own.num_workers)
