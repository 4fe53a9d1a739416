"""The tools of the scoreboard: each gets a program and says what it found, in our codes.

A finding of a peer counts for every code that its words could mean (`MEANS`, generously), so that it loses nothing by its names.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from _programs import Program
from torch.optim.optimizer import register_optimizer_step_post_hook

import nbdebug
from nbdebug.batch import split
from nbdebug.causes import LAST_RESORT
from nbdebug.findings import INFO, Finding
from nbdebug.loading import first_batch

NOT_FINITE = ("ND101", "ND308", "ND309", "ND310", "ND311", "ND504", "ND709", "ND807")
LEARNS_NOTHING = ("ND701", "ND704", "ND705")


@dataclass(frozen=True)
class Alarm:
    """One error or warning."""

    codes: tuple[str, ...]  # that it may mean
    where: str  # the words in which an object may be named
    line: tuple[str, int] | None  # file and line


@dataclass(frozen=True)
class Said:
    """What a tool said of a program; alarms as it ranks them."""

    alarms: tuple[Alarm, ...]
    seconds: float  # of the tool alone, as far as that can be told
    longest: float = 0.0  # of one checkup
    trouble: str = ""  # why it could not say more
    loop: float = math.nan  # processor seconds of the program's own loop under the tool, in those without


# -- nbdebug ----------------------------------------------------------------------------------------------------------


def nbdebug_says(program: Program) -> Said:
    """A checkup of the objects, then the program's own loop under watch, in a fresh copy; what the second names again is left out."""
    started = time.perf_counter()
    space = program.opened()
    built = time.perf_counter() - started
    trouble, findings = "", []
    started = time.perf_counter()
    try:
        findings = list(nbdebug.checkup(program.setup(space)).findings)
    except nbdebug.NbdebugError as error:
        trouble = f"checkup: {error}"
    seconds = time.perf_counter() - started
    space = program.opened()
    with nbdebug.watch(live=False) as watch:
        try:
            space["train"]()
        except Exception as error:  # the program's own: what was seen until then is reported
            trouble += f" train: {type(error).__name__}: {error}"
    known = {finding.code for finding in findings if finding.severity is not INFO}
    findings += [finding for finding in watch.report().findings if finding.code not in known]
    alarms = [finding for finding in findings if finding.severity is not INFO]
    alarms.sort(key=lambda finding: finding.code in LAST_RESORT)  # a catch-all comes last; else as they were
    loop = math.nan if program.codes or program.kind == "twin" else watched_loop(program)
    return Said(tuple(map(_alarm, alarms)), seconds, seconds, trouble + f" built {built:.1f} s" * (built > 5), loop)


def watched_loop(program: Program) -> float:
    """What the loop of a program takes under `watch()` as it comes, in what it takes alone; the fastest of four runs each, by turns: others work on the machine."""
    bare, watched = [], []
    for _ in range(4):
        for seconds, listening in ((bare, contextlib.nullcontext()), (watched, nbdebug.watch(live=False))):
            train = program.opened()["train"]
            with listening:
                started = time.process_time()
                train()
                seconds.append(time.process_time() - started)
    return min(watched) / min(bare)


def _alarm(finding: Finding) -> Alarm:
    place = finding.location
    line = (place.file, place.line) if place.line is not None else None
    return Alarm((finding.code,), f"{place} {place.module} {place.parameter} {finding.message}", line)


# -- peers ------------------------------------------------------------------------------------------------------------

NO_FAULTS = ("TA000", "TA2")  # of torch-audit: its own crashes, and advice for faster hardware
MEANS = {  # words of a peer's finding → our codes
    "gradient is none": ("ND501", "ND206", "ND203", "ND601"),
    "no gradients": ("ND501", "ND602"),
    "vanish": ("ND502", "ND307", "ND202", "ND401", "ND605"),
    "stalling": ("ND502", "ND307", "ND501", "ND605"),
    "explo": ("ND503", "ND202", "ND102", "ND112", "ND604", "ND603", "ND405"),
    "dead": ("ND307", "ND201", "ND202", "ND502"),
    "saturat": ("ND307", "ND202", "ND102"),
    "rank collapse": ("ND201", "ND202", "ND205", "ND307"),
    "noise": ("ND608", "ND104", "ND604"),
    "divergence": ("ND604", "ND706", "ND405", "ND603"),
    "plateau": LEARNS_NOTHING,
    "update ratio too low": ("ND605", "ND606", "ND608"),
    "update ratio too high": ("ND604", "ND202"),
    "weight norm explosion": ("ND604", "ND503"),
    "stagnant": ("ND602", "ND605", "ND601"),
    "imbalance": ("ND202", "ND503"),
    "forward pass failed": ("ND312",),
    "loss computation failed": ("ND312", "ND404", "ND402"),
    "backward pass failed": ("ND312", "ND501"),
    "no parameters changed": ("ND602", "ND601", "ND605"),
    "not finite": NOT_FINITE,
    "nan": NOT_FINITE,
    "data range": ("ND102", "ND106"),
    "flat": ("ND110", "ND114"),
    "invalid input": ("ND103", "ND119", "ND101"),
    "layout": ("ND117", "ND312"),
    "zombie": ("ND206", "ND203"),
    "stateful layer reuse": ("ND204",),
    "weight decay": ("ND607",),
    "collapse": ("ND307", "ND201"),
}


def torchmortem_says(program: Program) -> Said:
    """Its Autopsy around the program's own loop, told of every update."""
    from torchmortem import Autopsy, Severity

    space = program.opened()
    optimizer = space.get("optimizer")
    autopsy = Autopsy(space["model"], optimizer=optimizer if isinstance(optimizer, torch.optim.Optimizer) else None, sampling="thorough")

    def trained() -> None:
        with _told_of_steps(lambda loss: autopsy.step(loss=loss)):
            space["train"]()

    autopsy.attach()
    seconds, trouble = _timed(trained)
    autopsy.detach()
    report = autopsy.get_report()
    found = [f for f in report.findings if f.severity >= Severity.WARNING] if report else []
    return Said(tuple(_meant(f"{f.title}: {f.summary if hasattr(f, 'summary') else ''}") for f in found), seconds, trouble=trouble)


def torchdiag_says(program: Program) -> Said:
    """Its verify_step, check_gradients and check_dead_neurons on the first batch."""
    import torchdiag

    space = program.opened()
    setup = program.setup(space)
    said: list[str] = []

    def examined() -> None:
        batch = first_batch(setup.train_loader)
        setup.loss(batch).backward()
        stats = torchdiag.check_gradients(setup.model)
        said.extend(f"{name}: gradient is None" for name, row in stats.items() if row["status"] == "no_grad")
        said.extend(f"{name}: {row['status']}" for name, row in stats.items() if row["status"] in ("EXPLODE", "VANISH"))
        setup.model.zero_grad()
        call = split(batch, setup.model)
        if len(call.args) != 1 or call.kwargs or setup.loss_fn is None or not setup.optimizers:
            return
        dead = torchdiag.check_dead_neurons(setup.model, call.args[0])
        said.extend(f"{name}: dead" for name, row in dead.items() if row["dead_pct"] > 20)
        step = torchdiag.verify_step(setup.model, setup.optimizers[0], setup.loss_fn, call.args[0], call.targets)
        if not math.isfinite(step.get("loss", 0.0) if isinstance(step.get("loss"), float) else 0.0):
            said.append("loss not finite")
        said.extend(f"{part} pass failed" for part in ("forward", "backward") if "FAILED" in str(step.get(part)))
        if step.get("params_unchanged") and not step.get("params_updated"):
            said.append("no parameters changed")

    seconds, trouble = _timed(examined)
    if trouble.startswith("StepError"):
        said.append("forward pass failed")
    return Said(tuple(map(_meant, said)), seconds, trouble=trouble)


def torch_audit_says(program: Program) -> Said:
    """Its Auditor in autopatch mode around the program's own loop, looking at every step."""
    from torch_audit import Auditor, Severity, autopatch  # noqa: F401  its autopatch mode is the one that needs no change of the loop

    space = program.opened()
    optimizer = space.get("optimizer")
    auditor = Auditor(space["model"], optimizer=optimizer if isinstance(optimizer, torch.optim.Optimizer) else None, every_n_steps=1)

    def trained() -> None:
        with auditor.autopatch():
            auditor.audit_static()
            space["train"]()

    seconds, trouble = _timed(trained)
    result = auditor.finish()
    titles = {rule.id: rule.title for rule in result.rules.values()} if result.rules else {}
    found = {(f.rule_id, f.module_path, f.message) for f in result.findings if f.severity >= Severity.WARN and not f.rule_id.startswith(NO_FAULTS)}
    return Said(tuple(_meant(f"{titles.get(i, i)}: {path or ''} {message}") for i, path, message in sorted(found, key=str)), seconds, trouble=trouble)


def loss_alone_says(program: Program) -> Said:
    """What the curve alone says: not a number, rises, does not fall."""
    space, losses = program.opened(), []

    def trained() -> None:
        with _told_of_steps(losses.append):
            space["train"]()

    seconds, trouble = _timed(trained)
    third = max(1, len(losses) // 3)
    if not losses:
        said = [("ND602", *LEARNS_NOTHING)]
    elif not all(map(math.isfinite, losses)):
        said = [NOT_FINITE]
    elif _mean(losses[-third:]) > 1.2 * abs(_mean(losses[:third])) + 1e-6:
        said = [("ND604", "ND706", "ND603", "ND405")]
    elif len(losses) >= 20 and _mean(losses[-third:]) > 0.95 * _mean(losses[:third]):
        said = [("ND602", "ND605", *LEARNS_NOTHING)]
    else:
        said = []
    return Said(tuple(Alarm(codes, "", None) for codes in said), seconds, trouble=trouble)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _meant(words: str) -> Alarm:
    low = words.lower()
    codes = [code for key, meant in MEANS.items() if key in low for code in meant]
    return Alarm(tuple(dict.fromkeys(codes)), words, None)


def _timed(act: Callable[[], None]) -> tuple[float, str]:
    """Seconds, and what it raised; what it prints is not shown."""
    started, trouble = time.perf_counter(), ""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            act()
    except Exception as error:
        trouble = f"{type(error).__name__}: {error}"
    return time.perf_counter() - started, trouble


@contextlib.contextmanager
def _told_of_steps(tell: Callable[[float], None]) -> Iterator[None]:
    """Calls `tell` after every update with the loss that was last propagated back."""
    backward, last = torch.Tensor.backward, [math.nan]

    def noted(self: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        last[0] = float(self.detach().float().mean())
        backward(self, *args, **kwargs)

    torch.Tensor.backward = noted  # type: ignore[method-assign]
    hook = register_optimizer_step_post_hook(lambda *_: tell(last[0]))
    try:
        yield
    finally:
        torch.Tensor.backward = backward  # type: ignore[method-assign]
        hook.remove()


DOCTORS: dict[str, tuple[str, Callable[[Program], Said]]] = {  # name → the package it needs, and how it is asked
    "nbdebug": ("nbdebug", nbdebug_says),
    "torchmortem": ("torchmortem", torchmortem_says),
    "torchdiag": ("torchdiag", torchdiag_says),
    "torch-audit": ("torch_audit", torch_audit_says),
    "the loss alone": ("torch", loss_alone_says),
}


def installed(name: str) -> bool:
    return importlib.util.find_spec(DOCTORS[name][0]) is not None


