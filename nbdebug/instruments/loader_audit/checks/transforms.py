"""Do transforms keep the signal, leave validation alone, and move image and mask together?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.running import ApartLook, LoaderRun, Repeated, Trouble
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.loader_audit.checks.asked import demand_asked, demand_read
from nbdebug.instruments.loader_audit.checks.nonfinite import NAN
from nbdebug.instruments.loader_audit.checks.places import named
from nbdebug.instruments.loader_audit.measure import loader_audit
from nbdebug.instruments.loader_audit.result import LoaderLooks

APART = 0.25  # share of draws in which image and mask lie apart; our choice: a mirror of one in two shows in half of them
LIKE_TRAIN = 0.9  # of the share that is erased in training, that may as well be missing in validation; our choice
CERTAIN = 0.75  # agreement of a draw that shows that they could agree


@loader_audit.check("ND110", "transform wrong", severity=ERROR)
def transform_wrong(looks: LoaderLooks) -> Iterator[Seen]:
    """A transform breaks the signal, augments the validation data, or moves inputs and masks apart; samples overwrite one another.

    Wrong: what the transform has emptied, clipped or scrambled cannot be learnt from; augmentation makes validation noisy and harder
        than it is; masks that are not turned with their images are labels of other pixels.
    Seen: each transform and step is listened to on a few samples: values in, values out. Constant, all at one end of the
        range (what is NaN is ND101), fractions cut off by a cast to whole numbers, the order of numbers kept while axes are exchanged (reshape for permute), seven in ten numbers erased by lot, or the same for different samples. A sample
        of val_loader is read again with other random numbers. For masks the same marker goes in place of image and mask, and must
        come out in the same place in every draw. A sample is looked at again when the next one has been read: where both lie in the
        same buffer, the rows of a batch are all the same.
    Where: the transform and step, the dataset index.
    Try: print what goes in and out of that step; give validation a transform of its own; draw once for image and mask.
    Bad:
        class Jittered(torch.utils.data.Dataset):
            def __init__(self, first, last):
                self.inputs, self.targets = inputs[first:last], targets[first:last]
                self.transform = lambda x: x + 0.1 * torch.randn(64)

            def __len__(self):
                return len(self.inputs)

            def __getitem__(self, i):
                return self.transform(self.inputs[i]), self.targets[i]

        train_loader = DataLoader(Jittered(0, 192), batch_size=32, shuffle=True)
        val_loader = DataLoader(Jittered(192, 256), batch_size=32)
    Good:
        train_loader = DataLoader(TensorDataset(inputs[:192], targets[:192]), batch_size=32, shuffle=True)
        val_loader = DataLoader(TensorDataset(inputs[192:], targets[192:]), batch_size=32)
    Source: experiments on the user's own transforms; the shares are our choice.
    """
    told: set[tuple[str, ...]] = set()
    for run in looks.loaders:
        for key, seen in (*_overwritten(run), *_cut(run), *_broken(looks, run), *_apart(run)):
            if key not in told:
                told.add(key)
                yield seen
    if looks.val is not None and looks.val.repeated is not None and looks.val.repeated.random:
        yield _augmented(looks.val, looks.val.repeated)
    elif not told:
        _demand_asked(looks)


def _demand_asked(looks: LoaderLooks) -> None:
    if all(run.why_not and not run.settled for run in looks.loaders):
        raise NotChecked(f"{looks.train.name}: {looks.train.why_not}")
    for run in looks.loaders:
        demand_asked(run, "overwritten", "repeated", "troubles", "apart")
        demand_read(run, run.repeated.read if run.repeated is not None else 0, run.wanted)


def _broken(looks: LoaderLooks, run: LoaderRun) -> Iterator[tuple[tuple[str, ...], Seen]]:
    for trouble in run.troubles:
        if trouble.kind == NAN or trouble.kind == "erased" and _is_the_task(looks, run):
            continue
        evidence = {"samples": ",".join(map(str, trouble.ids)), "split": run.name, "of": trouble.of, "share": trouble.share}
        step = f"{run.dataset}.{trouble.name or '__getitem__'}"
        place = Location(detail=", ".join(filter(None, [run.name, step, named(trouble.ids)])))
        severity = WARNING if trouble.kind in ("collapsed", "erased") else None
        seen = Seen(_said(trouble), place, evidence, severity=severity, advice=ADVICE[trouble.kind])
        yield (trouble.kind, trouble.name, run.dataset), seen


def _is_the_task(looks: LoaderLooks, run: LoaderRun) -> bool:
    """Whether validation is as empty without any draw: then a few numbers are all that the model will ever be given."""
    val = looks.val
    drawn = val is None or val is run or val.repeated is None or val.repeated.random
    return not drawn and val.one_value >= LIKE_TRAIN * run.one_value


def _overwritten(run: LoaderRun) -> Iterator[tuple[tuple[str, ...], Seen]]:
    look = run.overwritten
    if look is None:
        return
    first, second = (f"sample {index}" for index in look.ids[:2]) if len(look.ids) > 1 else ("one sample", "another")
    message = (
        f"samples overwrite one another: {first} held {look.before}, and {look.after} when {second} had been read, which is what that "
        f"one holds: the rows of a batch all become the last"
    )
    place = Location(detail=", ".join(filter(None, [run.name, f"{run.dataset}.__getitem__", named(look.ids)])))
    evidence = {"samples": ",".join(map(str, look.ids)), "split": run.name, "pairs": look.pairs, "fields": ", ".join(look.fields)}
    advice = "return a copy of the buffer: .clone(), or .copy()"
    yield ("overwritten", run.dataset), Seen(message, place, evidence, advice=advice)


def _cut(run: LoaderRun) -> Iterator[tuple[tuple[str, ...], Seen]]:
    for cut in run.cut:
        at = f" at `{cut.text}`" if cut.text else ""
        message = f"the cast of {cut.operation} cuts off the fractions of numbers that lie between -1 and 1, {cut.share:.0%} of them{at}: {cut.example}, and hardly more than 0 is left"
        place = Location(file=cut.file, line=cut.line, cell=cut.cell, detail=", ".join(filter(None, [run.name, run.dataset, named(cut.ids)])))
        evidence = {"samples": ",".join(map(str, cut.ids)), "split": run.name, "share": cut.share, "dtype": cut.dtype}
        yield ("cut", cut.file, str(cut.line), str(cut.cell)), Seen(message, place, evidence, advice="keep floating point numbers, or cast before they are divided")


ADVICE = {
    "constant": "look at the range that this step expects: 0..1 or 0..255, float or uint8",
    "collapsed": "scale before clipping: x / 255, then clamp(0, 1)",
    "scrambled": "permute(2, 0, 1) or numpy.moveaxis exchanges axes; reshape and view only cut the numbers anew",
    "independent": "does the step use its argument, or a variable of the notebook?",
    "erased": "is the comparison the right way round? rand < p is true for a share p",
}


def _said(trouble: Trouble) -> str:
    counted = f"{trouble.samples} of {trouble.of} readings"
    turned = f"{trouble.given} went in, {trouble.output} came out"
    return {
        "constant": f"a constant comes out of it in {counted}: {turned}",
        "collapsed": f"{trouble.share:.0%} of the values lie on one end of the range after it, in {counted}: {turned}",
        "scrambled": f"axes were exchanged by a reshape, which leaves the numbers in their old order under a new shape: {turned}",
        "erased": f"{trouble.share:.0%} of what it gets is replaced by one value, at places that are drawn anew for each of {trouble.of} readings: {turned}",
        "independent": f"{trouble.samples} different samples all came out the same: {turned}",
    }[trouble.kind]


def _augmented(run: LoaderRun, again: Repeated) -> Seen:
    by = f", by {', '.join(again.steps[:3])}" if again.steps else ""
    message = f"{again.differ} of {again.read} samples of {run.name} came out otherwise when they were read again{by}"
    if again.purpose:
        message += f" ({again.purpose})"
    else:
        message += ": random augmentation is active on validation"
    where = ", ".join(filter(None, [run.name, f"{run.dataset}.{again.steps[0]}" if again.steps else run.dataset, named(again.ids)]))
    evidence = {"samples": ",".join(map(str, again.ids)), "split": run.name, "read": again.read, "differ": again.differ}
    advice = "give the validation set a transform without random steps; after random_split both parts share one dataset"
    return Seen(message, Location(detail=where), evidence, severity=INFO if again.purpose else WARNING, advice=advice)


def _apart(run: LoaderRun) -> Iterator[tuple[tuple[str, ...], Seen]]:
    look = run.apart
    if look is None or look.apart < max(2, APART * look.draws) or not _could_agree(look):
        return
    how = f": they fit when the one is {look.turn}" if look.turn else f" (agreement {look.agreement:.2f})"
    again = f"; with the same random numbers for both they agree ({look.in_step:.2f})" if (look.in_step or 0) > CERTAIN else ""
    what = "boxes" if "box" in look.mask.lower() else "masks"
    seen = f"the same marker in both came out in different places in {look.apart} of {look.draws} draws{how}{again}"
    if look.of_mask:
        seen = f"in {look.apart} of {look.draws} readings of a sample they came out turned each its own way, the one {look.turn}, the other {look.of_mask}"
    message = f"inputs {look.image} and {what} {look.mask} are transformed apart: {seen}"
    by = " and ".join(look.names[:2]) or f"{run.dataset}.__getitem__"
    place = Location(detail=", ".join(filter(None, [run.name, by, named(look.ids)])))
    evidence = {
        "samples": ",".join(map(str, look.ids)), "split": run.name, "apart": look.apart, "draws": look.draws, "agreement": look.agreement,
    }  # fmt: skip
    advice = "draw once and apply it to both: a joint transform, or the same seed before each"
    yield ("apart", *look.names, run.dataset), Seen(message, place, evidence, advice=advice)


def _could_agree(look: ApartLook) -> bool:
    """Whether image and mask show the same picture at all when they are in step."""
    return look.together > 0 or bool(look.turn) or (look.in_step or 0.0) > CERTAIN
