"""A tensor that backward needed was written over: the two lines, and the mend."""

from __future__ import annotations

import re
from dataclasses import replace

from torch import Tensor

from nbdebug.crash.again import Rerun
from nbdebug.crash.failure import Failure
from nbdebug.crash.inplace import damage_of, out_of_place, runs_on_copies, saved_by
from nbdebug.crash.result import Crash, Mend, WayStep
from nbdebug.findings import Location
from nbdebug.listening import plain_path
from nbdebug.source_lines import location_fields


def with_damage(crash: Crash, failure: Failure, rerun: Rerun | None) -> Crash:
    damage = damage_of(rerun, failure.message)
    if damage is None or damage.written.line is None:
        return _with_damage_untraced(crash, failure)
    what, code = out_of_place(damage)
    works = runs_on_copies(rerun)
    outcome = "works: tried on copies, with what is kept left alone backward runs" if works else "not tried: the step needs more than that"
    why = f"{damage.kept.name} at {damage.kept} kept a tensor {damage.shape} for backward, and {damage.written} wrote over it"
    location = Location(module=plain_path(damage.written.module), operator=damage.written.operator, **location_fields(damage.written.line))
    return replace(
        crash, location=location, line=str(damage.written.line), why=why, mends=(Mend(what, code, why, outcome),), rerun=rerun.what,
        way=(WayStep(damage.kept.module, f"{damage.kept.name} keeps it for backward", str(damage.kept), damage.shape),
             WayStep(damage.written.module, f"{damage.written.name} writes over it", str(damage.written), damage.shape)),
    )  # fmt: skip


def _with_damage_untraced(crash: Crash, failure: Failure) -> Crash:
    stop = failure.scene.users()
    held = failure.scene.variables(stop).values() if stop is not None else ()
    losses = [value for value in held if isinstance(value, Tensor) and value.grad_fn is not None and value.ndim == 0]
    operation = next((name for loss in losses if (name := saved_by(loss))), "")
    matched = re.search(r"output \d+ of (\w+?)(?:Backward0)?[ ,;]", failure.message)
    operation = operation or (matched[1] if matched else "an operation")
    why = f"something was written in place into what {operation} keeps for backward"
    what = "replace in-place operations (x += y, relu_(), x[i] = y) behind it; under the line below torch names which operation kept it"
    return replace(crash, why=why, mends=(Mend(what, "torch.autograd.set_detect_anomaly(True)", why, "not tried: the step could not be run again"),))
