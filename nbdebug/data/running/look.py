"""All experiments on one loader, one after the other; one that cannot be made takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from torch.utils.data import TensorDataset

from nbdebug.data.running.again import Repeated, repeated
from nbdebug.data.running.apart import ApartLook, apart_look
from nbdebug.data.running.asked import Box, Raised, Running
from nbdebug.data.running.before_after import before_after
from nbdebug.data.running.boxes import boxes_look
from nbdebug.data.running.passing import Passage, Trouble, passages, troubles
from nbdebug.data.running.spots import Spot, spots_of
from nbdebug.data.running.stored import without_subsets
from nbdebug.data.running.workers import WorkerLook, WorkersFailed, worker_look
from nbdebug.data.running.wrapping import Wrapped, wrapped
from nbdebug.errors import first_line
from nbdebug.page import Exhibit

DRAWS, FEW_DRAWS = 3, 2  # readings of each sample
SHARE = 0.4  # of the time box, for one experiment


@dataclass(frozen=True)
class LoaderRun:
    """What the experiments on one loader said."""

    name: str
    about: str
    dataset: str  # its class
    workers: int
    samples: int  # asked
    sample_seconds: float
    why_not: str = ""  # why none of its samples can be asked again
    settled: bool = False  # there is nothing random, and no transform: nothing of it can be wrong
    why_no_lending: str = ""  # why no other values could be lent to the dataset
    transforms: tuple[str, ...] = ()
    repeated: Repeated | None = None
    troubles: tuple[Trouble, ...] = ()
    apart: ApartLook | None = None
    wrapped: tuple[Wrapped, ...] = ()
    worker: WorkerLook | None = None
    why_no_workers: str = ""
    raised: tuple[Raised, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    unanswered: dict[str, str] = field(default_factory=dict)  # experiment → what it stumbled over


def run_looks(running: Running, *, seconds: float, ask_workers: bool) -> Iterator[LoaderRun]:
    """Ever fuller, the last complete."""
    look = LoaderRun(
        running.name, type(running.loader).__name__, type(without_subsets(running.dataset)).__name__, running.workers,
        len(running.indices), running.seconds, running.why_not, type(running.dataset) is TensorDataset, raised=tuple(running.raised),
    )  # fmt: skip
    if not running.why_not:
        for fuller in _of_samples(running, look, seconds):
            look = fuller
            yield look
    if ask_workers:
        look = _of_workers(running, look, seconds)
    yield replace(look, raised=_all_raised(running, look))


def _of_samples(running: Running, look: LoaderRun, seconds: float) -> Iterator[LoaderRun]:
    spots = spots_of(running.dataset)
    cached = running.cached()
    why = f"{cached}() remembers what it gave" if cached else ""
    look = replace(look, transforms=tuple(spot.name for spot in spots), why_no_lending=why)
    found: list[Passage] = []
    for name, ask in _experiments(running, spots, found, Box(seconds)):
        look = _answered(look, name, ask)
        yield look


def _experiments(running: Running, spots: list[Spot], found: list[Passage], box: Box) -> Iterator[tuple[str, Callable[[], Any]]]:
    draws = FEW_DRAWS if running.brief else DRAWS

    def part() -> Box:
        return Box(max(0.0, min(box.left, SHARE * box.seconds)))

    def read() -> Any:
        found.extend(passages(running, spots, draws=draws, box=part()))
        return repeated(running, found, part())

    yield "repeated", read
    yield "troubles", lambda: tuple(troubles(found))
    if not running.brief:
        yield "exhibits", lambda: before_after(found)
    if not running.cached():
        yield "wrapped", lambda: wrapped(running, spots, draws=1 if running.brief else 2, box=part())
        yield "apart", lambda: apart_look(running, spots, part()) or boxes_look(running, spots, part())


def _answered(look: LoaderRun, name: str, ask: Callable[[], Any]) -> LoaderRun:
    try:
        return replace(look, **{name: ask()})
    except Exception as error:
        return replace(look, unanswered={**look.unanswered, name: f"{type(error).__name__}: {first_line(error)}"})


def _of_workers(running: Running, look: LoaderRun, seconds: float) -> LoaderRun:
    try:
        return replace(look, worker=worker_look(running, look.repeated, Box(seconds)))
    except WorkersFailed as failed:
        raised = (failed.raised,) if failed.raised is not None else ()
        return replace(look, why_no_workers=str(failed), raised=(*look.raised, *raised))
    except Exception as error:
        return replace(look, unanswered={**look.unanswered, "worker": f"{type(error).__name__}: {first_line(error)}"})


def _all_raised(running: Running, look: LoaderRun) -> tuple[Raised, ...]:
    return tuple(dict.fromkeys((*running.raised, *look.raised)))
