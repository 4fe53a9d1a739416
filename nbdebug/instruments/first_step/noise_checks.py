"""Check of noise on the inputs and of dropout turned round; the page of the code is that of the watch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nbdebug.findings import WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.first_step.instrument import first_step
from nbdebug.instruments.first_step.result import FirstStep


@first_step.check("ND608", "noise drowns the inputs", severity=WARNING, advice="noise of a tenth of the inputs' standard deviation, or none")
def drowned(step: FirstStep) -> Iterator[Seen]:
    """Noise that is added to the inputs and is several times as wide as they are; dropout that is given what should be kept."""
    for found in step.noise:
        yield Seen(
            f"noise with a standard deviation of {found.width:.3g} is added to inputs with one of {found.inputs:.3g}: "
            f"{found.inputs**2 / (found.inputs**2 + found.width**2):.1%} of the variance that is left is theirs",
            found.place, {"noise": found.width, "inputs": found.inputs},
        )  # fmt: skip
    for one in step.kept:
        more = f" (and {one.layers - 1} more layers)" if one.layers > 1 else ""
        yield Seen(
            f"`{one.said}` is given what is to be kept, but torch takes it for what is to be dropped: `{one.path}`{more} leaves {1 - one.p:.0%} of the values",
            replace(one.location, module=one.path), {"p": one.p, "layers": one.layers}, advice="nn.Dropout(1 - keep)",
        )  # fmt: skip
