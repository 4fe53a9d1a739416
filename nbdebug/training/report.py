"""The report of a run: its curves, its ranks, and what was found in them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from nbdebug.causes import fold
from nbdebug.errors import SetupError
from nbdebug.findings import Finding, Location
from nbdebug.instruments.base import ranked
from nbdebug.instruments.fit import fit
from nbdebug.instruments.full_run import Failed, FullRun, RankState, full_run
from nbdebug.instruments.preflight import preflight
from nbdebug.instruments.report import Report, remember
from nbdebug.instruments.watch.session import watched
from nbdebug.page import Verdict
from nbdebug.plain import from_plain
from nbdebug.training.events import number
from nbdebug.training.failure import Failure
from nbdebug.training.history import RankNow, table
from nbdebug.training.job import FACTORY, FUNCTION
from nbdebug.training.record import layers

if TYPE_CHECKING:
    from nbdebug.training.run import Run

FEW = 20  # measured points of a loss below which curves say nothing; our choice
LINE = re.compile(r"^(?:Cell In\[(?P<cell>\d+)\]|(?P<file>.+?)), line (?P<line>\d+)")  # as SourceLine says it
CURVES = ("loss", "learning rate", "memory")  # which the run has of its own
ONCE = ("ND809", "ND810")  # of a rank as it is; told again, with other numbers, when the run was started again
OF_THE_TRAINER = "NotFinite"  # raised by the alarm, which has told why


def report(run: Run) -> Report:
    """What the run came to so far, with what its curves say."""
    result = full(run)
    verdicts, findings = full_run.judge(result)
    findings, parts = (*_of_steps(result), *findings), ()
    curves = _curves_judged(run)
    if isinstance(curves, Report):
        verdicts, findings, parts = (*verdicts, *curves.verdicts), (*findings, *curves.findings), (curves,)
    verdicts = (*verdicts, *_of_preflight(run))
    seen = of_layers(run)
    if seen is not None:
        known = {verdict.code for verdict in verdicts}
        verdicts, parts = (*verdicts, *(verdict for verdict in seen.verdicts if verdict.code not in known)), (*parts, seen)
    subject = f"{run.id} · {run.state} · step {result.step:,} · {len(result.ranks)} {'process' if len(result.ranks) == 1 else 'processes'}"
    stopped = "" if run.ended else "still running"
    return remember(Report(
        full_run.name, full_run.title, full_run.level, result, fold(ranked(findings)), verdicts, parts, subject, stopped, _seconds(run),
    ))  # fmt: skip


def findings(run: Run) -> tuple[Finding, ...]:
    """What was found so far, but for what only whole curves say."""
    result = full(run)
    return fold(ranked((*_of_steps(result), *full_run.judge(result)[1])))


def of_layers(run: Run) -> Report | None:
    """What was seen of the layers of rank 0; None where nobody looked."""
    seen = layers.read(run.folder)
    if seen is None:
        return None
    result = replace(seen.result, tracks={name: track for name, track in seen.result.tracks.items() if name not in CURVES})
    return Report(
        watched.name, "layers of rank 0", watched.level, result, fold(ranked(seen.findings)), seen.verdicts, subject=f"{len(result.tensors)} tensors, {seen.looks:,} looks",
        seconds=result.seconds,
    )  # fmt: skip


def _of_preflight(run: Run) -> tuple[Verdict, ...]:
    """What rank 0 asked of a setup or a model that was made there, or why nobody did; a setup of the kernel's own was asked before."""
    if run.history.verdicts:
        return from_plain(tuple[Verdict, ...], list(run.history.verdicts))
    about = run.folder.about()
    if about.get("kind") not in (FACTORY, FUNCTION):
        return ()
    if len(run.ranks) == 1:
        why = "the run has one process"
    elif not about.get("preflight_asked", True):
        why = "because it was launched with preflight=False"
    elif about.get("kind") == FUNCTION:
        why = "because the loop is your own, and did not pass a model through ctx.wrap and its data through ctx.loader"
    else:
        why = "because the ranks have not built what they train" + ("" if run.ended else " yet")
    return tuple(Verdict(check.code, check.title, "not checked", why) for check in preflight.checks.values())


def full(run: Run) -> FullRun:
    """The run in plain values."""
    history, ranks = run.history, run.ranks
    listed = [from_plain(Finding, finding) for finding in (*run.folder.about().get("preflight", ()), *history.findings)]
    told = tuple({(f.code, str(f.location), "" if f.code in ONCE else f.message): f for f in (*listed, *layers.told(run.folder))}.values())
    return FullRun(
        run.id, run.state, run.step, run.epoch, _curves(table(list(history.rows))), tuple(_state(rank) for rank in ranks), told,
        _failed(run.failure, ranks, told, run), tuple(str(path) for path in run.capsules), tuple(str(c["path"]) for c in list(history.checkpoints)), tuple(history.notes),
    )  # fmt: skip


def _of_steps(result: FullRun) -> tuple[Finding, ...]:
    """What ranks told of their own steps; what they told of each other, the checks pass on."""
    return tuple(finding for finding in result.told if finding.code not in full_run.checks)


def _curves(rows: list[dict[str, float | None]]) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    found: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name not in ("step", "epoch") and value is not None:
                steps, values = found.setdefault(name, ([], []))
                steps.append(float(row["step"] or 0))
                values.append(float(value))
    return {name: (tuple(steps), tuple(values)) for name, (steps, values) in found.items()}


def _state(rank: RankNow) -> RankState:
    state = rank.phase or "start"
    if not rank.alive and rank.exitcode is not None:
        state = "done" if rank.exitcode == 0 else f"ended with exit code {rank.exitcode}" if rank.exitcode > 0 else f"killed by signal {-rank.exitcode}"
    elif rank.silent:
        state = f"silent for {rank.heard:.0f} s"
    return RankState(rank.rank, state, rank.step, rank.samples_per_second, rank.data_wait, rank.memory, rank.device, rank.host)


def _failed(failure: Failure | None, ranks: list[RankNow], told: tuple[Finding, ...], run: Run) -> tuple[Failed, ...]:
    found = [
        Failed(rank.rank, rank.step, f"rank {rank.rank} has said nothing for {rank.heard:.0f} s, at step {rank.step}", Location(detail=f"rank {rank.rank}"), silent=True)
        for rank in ranks if rank.silent
    ]  # fmt: skip
    if failure is not None and not (failure.etype == OF_THE_TRAINER and told):
        found.append(Failed(failure.rank, failure.step, failure.sentence, _place(failure, run), failure.etype, failure.signal))
    return tuple(found)


def _place(failure: Failure, run: Run) -> Location:
    """The user's line, as the rank told it."""
    detail = f"rank {failure.rank}" if failure.rank is not None else ""
    line = next((str(e.get("line") or "") for e in list(run.history.errors) if e.get("r") == failure.rank and not e.get("secondary")), "")
    said = LINE.match(line)
    if said is None:
        return Location(detail=detail)
    return Location(file=said["file"] or "", line=int(said["line"]), cell=int(said["cell"]) if said["cell"] else None, detail=detail)


def _curves_judged(run: Run) -> Report | None:
    """What `fit` says of them; None where there are too few."""
    rows = [{name: value for name, value in row.items() if value is not None} for row in table(list(run.history.rows))]
    if sum("loss" in row for row in rows) < FEW:
        return None
    try:
        return fit(rows, training="loss", validation="val_loss" if any("val_loss" in row for row in rows) else "none")
    except SetupError:
        return None


def _seconds(run: Run) -> float:
    times = [number(event["t"]) for event in run.events() if "t" in event]
    return max(times) - min(times) if times else 0.0
