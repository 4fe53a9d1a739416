"""All experiments on one loader, one after the other; one that cannot be made takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from torch.utils.data import TensorDataset

from nbdebug.data.running.again import Repeated, repeated
from nbdebug.data.running.apart import ApartLook, apart_look
from nbdebug.data.running.arrays import unheard
from nbdebug.data.running.asked import Raised, Running
from nbdebug.data.running.before_after import before_after
from nbdebug.data.running.box import Box
from nbdebug.data.running.boxes import boxes_look
from nbdebug.data.running.erasing import erased, most_of
from nbdebug.data.running.overwriting import Overwritten, overwritten
from nbdebug.data.running.passing import Passage, Trouble, passages, troubles, unnoticed
from nbdebug.data.running.remembering import Remembered, remembered
from nbdebug.data.running.reseeding import Reseeded, reseeded
from nbdebug.data.running.restarting import Restarted, restarted
from nbdebug.data.running.spots import Spot, spots_of
from nbdebug.data.running.stored import without_subsets
from nbdebug.data.running.twin import WorkersFailed
from nbdebug.data.running.workers import WorkerLook, worker_look
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
    wanted: int  # that should have been
    sample_seconds: float
    why_not: str = ""  # why none of its samples can be asked again
    settled: bool = False  # there is nothing random, and no transform: nothing of it can be wrong
    why_no_lending: str = ""  # why no other values could be lent to the dataset
    transforms: tuple[str, ...] = ()
    repeated: Repeated | None = None
    troubles: tuple[Trouble, ...] = ()
    one_value: float = 0.0  # share of the numbers in a sample that are one and the same
    overwritten: Overwritten | None = None
    reseeded: Reseeded | None = None
    remembered: Remembered | None = None
    restarted: Restarted | None = None  # of a stream
    apart: ApartLook | None = None
    wrapped: tuple[Wrapped, ...] = ()
    cut: tuple[Wrapped, ...] = ()  # casts of fractions that leave 0 and 1
    not_listened: tuple[str, ...] = ()  # arrays of integers to which nobody could listen
    listened: int = 0  # samples in whose integer arithmetic something would have been heard
    worker: WorkerLook | None = None
    why_no_workers: str = ""
    raised: tuple[Raised, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    unanswered: dict[str, str] = field(default_factory=dict)  # experiment → what it stumbled over
    not_as_it_is: str = ""  # what raised while it was listened to, and not otherwise


def run_looks(running: Running, *, box: Box, workers: Box | None) -> Iterator[LoaderRun]:
    """Ever fuller, the last complete.

    Args:
        workers: what its workers may take; None: they are not asked.
    """
    look = LoaderRun(
        running.name, type(running.loader).__name__, type(without_subsets(running.dataset)).__name__, running.workers,
        len(running.indices), running.wanted, running.seconds, running.why_not, type(running.dataset) is TensorDataset and running.collate is None, raised=tuple(running.raised),
    )  # fmt: skip
    if not running.why_not:
        for fuller in _of_samples(running, look, box):
            look = fuller
            yield look
    elif running.iterable:
        look = _answered(look, "restarted", lambda: {"restarted": restarted(running)})
    if workers is not None:
        look = _of_workers(running, look, workers.part(1.0))
    yield replace(look, raised=_all_raised(running, look))


def _of_samples(running: Running, look: LoaderRun, box: Box) -> Iterator[LoaderRun]:
    spots = unnoticed(running, spots_of(running.dataset))
    cached = running.cached()
    why = f"{cached}() remembers what it gave" if cached else ""
    look = replace(look, transforms=tuple(spot.name for spot in spots), why_no_lending=why)
    found: list[Passage] = []
    for name, ask in _experiments(running, spots, found, box):
        look = replace(_answered(look, name, ask), not_as_it_is=running.ours)
        yield look


def _experiments(running: Running, spots: list[Spot], found: list[Passage], box: Box) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    draws = FEW_DRAWS if running.brief else DRAWS

    def read() -> dict[str, Any]:
        found.extend(passages(running, spots, draws=draws, box=box.part(SHARE)))
        return {"repeated": repeated(running, found, box.part(SHARE)), "one_value": most_of([passage.item for passage in found if passage.draw == 0])}

    def listen() -> dict[str, Any]:
        wraps, cut, listened = wrapped(running, spots, draws=1 if running.brief else 2, box=box.part(SHARE))
        return {"wrapped": wraps, "cut": cut, "listened": listened, "not_listened": unheard(running)}

    yield "overwritten", lambda: {"overwritten": overwritten(running)}
    yield "reseeded", lambda: {"reseeded": reseeded(running)}
    yield "remembered", lambda: {"remembered": remembered(running)}
    yield "repeated", read
    yield "troubles", lambda: {"troubles": (*troubles(found), *erased(found))}
    if not running.brief:
        yield "exhibits", lambda: {"exhibits": before_after(found)}
    if not running.cached():
        yield "wrapped", listen
        yield "apart", lambda: {"apart": apart_look(running, spots, box.part(SHARE)) or boxes_look(running, spots, box.part(SHARE))}


def _answered(look: LoaderRun, name: str, ask: Callable[[], dict[str, Any]]) -> LoaderRun:
    try:
        return replace(look, **ask())
    except Exception as error:
        return replace(look, unanswered={**look.unanswered, name: f"{type(error).__name__}: {first_line(error)}"})


def _of_workers(running: Running, look: LoaderRun, box: Box) -> LoaderRun:
    try:
        return replace(look, worker=worker_look(running, look.repeated, box))
    except WorkersFailed as failed:
        raised = (failed.raised,) if failed.raised is not None else ()
        return replace(look, why_no_workers=str(failed), raised=(*look.raised, *raised))
    except Exception as error:
        return replace(look, unanswered={**look.unanswered, "worker": f"{type(error).__name__}: {first_line(error)}"})


def _all_raised(running: Running, look: LoaderRun) -> tuple[Raised, ...]:
    return tuple(dict.fromkeys((*running.raised, *look.raised)))
