"""Which step makes NaN of numbers that were finite?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.findings import ERROR, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.loader_audit.checks.asked import demand_asked
from nbdebug.instruments.loader_audit.checks.places import named
from nbdebug.instruments.loader_audit.measure import loader_audit
from nbdebug.instruments.loader_audit.result import LoaderLooks

NAN = "NaN or Inf"  # the kind of the trouble


@loader_audit.check("ND101", "non-finite data", severity=ERROR, advice="look for a division by zero or a logarithm of 0 in that step, and add an epsilon")
def nonfinite_step(looks: LoaderLooks) -> Iterator[Seen]:
    """A step of the dataset that gives NaN or Inf for numbers that were finite; the page is that of what the loader gives out."""
    told: set[tuple[str, str]] = set()
    for run in looks.loaders:
        for trouble in run.troubles:
            if trouble.kind != NAN or (run.dataset, trouble.name) in told:
                continue
            told.add((run.dataset, trouble.name))
            step = f"{run.dataset}.{trouble.name or '__getitem__'}"
            message = (
                f"{trouble.share:.1%} of the values are NaN or Inf after it, in {trouble.samples} of {trouble.of} readings, "
                f"and none was before: {trouble.given} went in, {trouble.output} came out"
            )
            evidence = {"samples": ",".join(map(str, trouble.ids)), "split": run.name, "of": trouble.of, "share": trouble.share, "made_by": step}
            yield Seen(message, Location(detail=", ".join(filter(None, [run.name, step, named(trouble.ids)]))), evidence)
    if not told:
        for run in looks.loaders:
            demand_asked(run, "troubles")
