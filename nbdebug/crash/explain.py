"""An exception → what met there, the way to it, the mends that were tried: the road of an explanation."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch

from nbdebug.crash.again import Rerun, reruns
from nbdebug.crash.damage import with_damage
from nbdebug.crash.device import found_on_cpu
from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.memory import is_out_of_memory, spent
from nbdebug.crash.mends import mends
from nbdebug.crash.met import given, operands, operator_of, way
from nbdebug.crash.pythons import of_a_name, of_an_unbuilt_module, of_nbdebug
from nbdebug.crash.release import let_go
from nbdebug.crash.result import Crash, Mend
from nbdebug.crash.scene import Scene
from nbdebug.crash.whose import DEVICE_ASSERT, is_of_tensors
from nbdebug.crash.worker import in_worker, users_line_in_worker
from nbdebug.errors import first_line
from nbdebug.findings import Location
from nbdebug.listening import plain_path
from nbdebug.source_lines import SourceLine, location_fields, users_line_of_traceback
from nbdebug.untouched import Proof

LONGEST = 400  # characters of torch's words
MOST_MENDS = 4
NOT_OF_A_CALL = "not tried"
RANKS = ("works", "gets further", "not tried")
_TURN = threading.Lock()
DEVICE_LOST = "a kernel on the device found an index out of range, or the like; what it was can no longer be read, and nothing in the frames shows it"
BLOCKING = (
    Mend("restart the kernel, and run it once on the CPU, or with CUDA_LAUNCH_BLOCKING=1, which makes the line right",
         'os.environ["CUDA_LAUNCH_BLOCKING"] = "1"  # before torch is imported', "", "not tried: the device is lost until the kernel is restarted"),
)  # fmt: skip


def explained(
    error: BaseException, *, phase: str | None = None, again: Callable[[], Any] | None = None, proofs: list[Proof] | None = None
) -> Crash:
    """What is known of an exception, its mends tried on copies.

    Args:
        phase: where it raised, when the caller knows.
        again: runs the step that raised once more, when the caller can; else it is sought in the traceback.
        proofs: gets what the digests said about the session that was borrowed meanwhile.
    """
    scene = Scene(error)
    line = _line(scene)
    name, message = in_worker(scene.error) or (type(scene.error).__name__, scene.message)
    crash = Crash(phase or "", name, message[:LONGEST], _location(scene, line), str(line or ""))
    try:
        return _examined(crash, scene, phase, again, proofs)
    except Exception as own:  # what is known already must not be lost to a mistake of ours
        return replace(crash, stopped=f"nbdebug itself could not look further: {type(own).__name__}: {first_line(own)}")


def _examined(crash: Crash, scene: Scene, told: str | None, again: Callable[[], Any] | None, proofs: list[Proof] | None) -> Crash:
    known = of_nbdebug(crash, scene.error) or of_an_unbuilt_module(crash, scene)
    if known is not None:
        return known
    phase = told or _phase(scene)
    crash = replace(crash, phase=phase)
    if is_out_of_memory(scene.error):
        return _with_memory(crash, scene)
    if not is_of_tensors(scene):
        known_phase = phase if told or phase == "data" else ""
        if isinstance(scene.error, AttributeError):
            return of_a_name(replace(crash, phase=known_phase), Failure(scene, phase, None))
        return replace(crash, phase=known_phase, tensors=False)
    if DEVICE_ASSERT.search(scene.message):
        failure = found_on_cpu(scene, phase)
        return replace(crash, why=DEVICE_LOST, mends=BLOCKING) if failure is None else _with_failure(crash, failure, failure.rerun)
    if phase in ("data", "load") or _TURN.locked():  # a loader cannot be rewound; a rerun must not begin another
        return _with_failure(crash, Failure(scene, phase, None), None)
    return _run_again(crash, scene, again, proofs)


def _run_again(crash: Crash, scene: Scene, again: Callable[[], Any] | None, proofs: list[Proof] | None) -> Crash:
    with _TURN, _quietly(), reruns(scene, again) as rerun:
        if rerun is None:
            return _with_failure(crash, Failure(scene, crash.phase, None), None)
        try:
            if type(scene.error).__module__.startswith("torch._dynamo"):  # the rerun is eager, and says it better
                then, line = rerun.scene, _line(rerun.scene)
                crash = replace(crash, error=type(then.error).__name__, message=then.message[:LONGEST], location=_location(then, line), line=str(line or ""))
            crash = _with_failure(crash, Failure(rerun.scene, crash.phase, rerun, scene), rerun)
        finally:
            let_go(rerun.scene.error.__traceback__)  # our own run's frames hold copies of everything
    if proofs is not None and rerun.borrowed is not None and rerun.borrowed.proof is not None:
        proofs.append(rerun.borrowed.proof)
    return crash


def _phase(scene: Scene) -> str:
    phase = scene.phase()
    built = Failure(scene, phase, None).callee() if phase == "operation" else None
    return "optimizer" if isinstance(built, type) and issubclass(built, torch.optim.Optimizer) else phase


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Warnings of the user's step would come again with every repetition of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _line(scene: Scene) -> SourceLine | None:
    return users_line_in_worker(scene.error) or users_line_of_traceback(scene.error.__traceback__)


def _location(scene: Scene, line: SourceLine | None) -> Location:
    stop = scene.function()
    operator = f"torch.nn.functional.{stop.frame.f_code.co_name}" if stop is not None else ""
    return Location(module=plain_path(scene.path), operator=operator, **location_fields(line))


def _with_failure(crash: Crash, failure: Failure, rerun: Rerun | None) -> Crash:
    if "inplace operation" in failure.message:
        return with_damage(crash, failure, rerun)
    tried, why = _tried(mends(failure), rerun)
    if isinstance(failure.scene.error, AttributeError) and not tried:
        return of_a_name(crash, failure)
    operator = crash.location.operator or operator_of(failure)
    return replace(
        crash, location=replace(crash.location, operator=operator), operands=operands(failure), given=given(failure), way=way(failure),
        mends=tried, why=why, rerun=rerun.what if rerun is not None else "",
    )  # fmt: skip


# -- mends --------------------------------------------------------------------------------------------------------


def _tried(tries: Iterator[Try], rerun: Rerun | None) -> tuple[tuple[Mend, ...], str]:
    """Those that work before those that get further, and those that could not be tried; never one that failed."""
    kept: list[tuple[int, Mend]] = []
    why = ""
    for proposed in tries:
        why = why or proposed.why
        if outcome := _outcome(proposed, rerun):
            rank = RANKS.index(outcome.partition(":")[0].partition(",")[0])
            kept.append((rank, Mend(proposed.what, proposed.code, proposed.why, outcome)))
    kept.sort(key=lambda pair: pair[0])
    if kept and kept[0][0] == 0:
        kept = [pair for pair in kept if pair[0] == 0]
    if kept and kept[0][1].why:
        why = kept[0][1].why
    return tuple(mend for _, mend in kept[:MOST_MENDS]), why


def _outcome(proposed: Try, rerun: Rerun | None) -> str:
    if proposed.done:
        return proposed.done
    if proposed.by_text and rerun is not None:
        return rerun.attempt_edited(proposed.code)
    if proposed.repair is None:
        return NOT_OF_A_CALL
    if rerun is None or rerun.raised is None:
        return "not tried: the step could not be run again"
    return rerun.attempt(proposed.repair)


def _with_memory(crash: Crash, scene: Scene) -> Crash:
    rows, why, proposed = spent(scene)
    return replace(crash, memory=rows, why=why, mends=proposed)
