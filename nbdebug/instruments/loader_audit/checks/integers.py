"""Do integers wrap round?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.running import LoaderRun, Wrapped
from nbdebug.errors import NotChecked
from nbdebug.findings import WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.loader_audit.checks.asked import demand_asked, demand_read
from nbdebug.instruments.loader_audit.checks.places import named
from nbdebug.instruments.loader_audit.measure import loader_audit
from nbdebug.instruments.loader_audit.result import LoaderLooks


@loader_audit.check(
    "ND111", "integer wrap", severity=WARNING, advice="compute in float32 or a wider integer, clip to the range, and cast last"
)  # fmt: skip
def integer_wrap(looks: LoaderLooks) -> Iterator[Seen]:
    """Integer arithmetic wrapped round in the pipeline.

    Wrong: 200 * 2 is 144 in uint8: bright pixels become dark, loud samples flip their sign, differences come out as large numbers.
    Seen: arithmetic on integers of 8 and 16 bits, and casts to them, are repeated in 64 bits while a few samples are read. Where the
        results differ, the sample is read again with arithmetic that stops at the ends of the range: only if that changes the sample
        has anything wrapped. Of the text of the script or notebook, arithmetic and casts to at most 32 bits whose operands are still held, and whose result goes
        into a loader, are computed again in 64 bits. Bit operations and modulo, casts of clipped values and 255 - x are sound.
    Where: your line, the dataset index.
    Try: convert to float32 first, and back (clipped) at the end.
    Bad:
        class Bright(torch.utils.data.Dataset):
            pixels = (inputs * 40 + 128).clamp(0, 255).byte()

            def __len__(self):
                return len(inputs)

            def __getitem__(self, i):
                return (self.pixels[i] * 2).float() / 255, targets[i]

        train_loader = DataLoader(Bright(), batch_size=32, shuffle=True)
    Good:
        class Bright(torch.utils.data.Dataset):
            pixels = (inputs * 40 + 128).clamp(0, 255).byte()

            def __len__(self):
                return len(inputs)

            def __getitem__(self, i):
                return (self.pixels[i].float() * 2).clamp(0, 255) / 255, targets[i]

        train_loader = DataLoader(Bright(), batch_size=32, shuffle=True)
    Source: the C and NumPy rules of fixed-width integers; an experiment, no threshold.
    """
    told: set[tuple[str, int | None, int | None]] = set()
    for run in looks.loaders:
        for wrap in run.wrapped:
            if (wrap.file, wrap.line, wrap.cell) not in told:
                told.add((wrap.file, wrap.line, wrap.cell))
                yield _wrapped(run, wrap)
    if told:
        return
    if all(run.why_no_lending or (run.why_not and not run.settled) for run in looks.loaders):
        raise NotChecked(f"{looks.train.name}: {looks.train.why_not or looks.train.why_no_lending}")
    for run in looks.loaders:
        demand_asked(run, "wrapped")
        if not run.why_no_lending:
            demand_read(run, run.listened, run.wanted)
        if run.not_listened:
            raise NotChecked(f"{run.name}: nobody can listen to the integers in {', '.join(run.not_listened)}")


def _wrapped(run: LoaderRun, wrap: Wrapped) -> Seen:
    kind = "a cast" if " to " in wrap.operation else "arithmetic"
    message = f"{kind} wrapped round in {wrap.dtype}: {wrap.example}, as did {wrap.share:.0%} of the values"
    if wrap.text:
        message += f" at `{wrap.text}`"
    place = Location(file=wrap.file, line=wrap.line, cell=wrap.cell, detail=", ".join(filter(None, [run.name, run.dataset, named(wrap.ids)])))
    evidence = {"samples": ",".join(map(str, wrap.ids)), "split": run.name, "share": wrap.share, "dtype": wrap.dtype, "read": wrap.read}
    return Seen(message, place, evidence)
