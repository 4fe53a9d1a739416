"""Where the parts of a loop were built: the settings that its numbers come from stand there, not where it calls them."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from nbdebug.findings import Location
from nbdebug.instruments.watch.places import Places
from nbdebug.instruments.watch.recorder import Recorder
from nbdebug.lines.bound import Built, Text, call_that_builds, known_texts
from nbdebug.lines.made import line_that_makes
from nbdebug.lines.sources import parsed
from nbdebug.source_lines import location_fields


class Origins:
    """The calls that built optimizers, schedulers, loaders and models, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Built | None] = {}

    def of(self, recorder: Recorder) -> tuple[Built, ...]:
        new = {(name, type(thing).__name__): thing for name, thing in _parts(recorder) if (name, type(thing).__name__) not in self._known}
        if new:
            running = list(_running(recorder.places))
            known = list(known_texts(recorder.places.files()))
            for (name, kind), thing in new.items():
                built = call_that_builds(name, kind, _parameters(type(thing)), running, known)
                self._known[name, kind] = built or _by_its_variable(name, thing)
        return tuple(built for built in self._known.values() if built is not None)


def _parts(recorder: Recorder) -> Iterator[tuple[str, Any]]:
    yield from ((a.name, a.optimizer) for a in recorder.ledger if a.optimizer is not None)
    yield from ((s.name, s.scheduler) for s in recorder.schedulers.values())
    yield from ((m.name, m.module) for m in recorder.models.values())
    yield from ((entry.name, loader) for entry in recorder.loaders.values() if (loader := entry.loader()) is not None)


def _by_its_variable(name: str, thing: Any) -> Built | None:
    """Inside a function it has another name than where it was made: the variable of the script or notebook that holds it knows more."""
    line = line_that_makes(thing)
    return Built(name, Location(**location_fields(line)), {}) if line is not None else None


def _running(places: Places) -> Iterator[Text]:
    """The functions of the loop."""
    for source in places.sources():
        tree = parsed(textwrap.dedent(source.text)) if source.function else None
        if tree is not None and source.place.line is not None:
            yield Text(tree, source.place)


def _parameters(kind: Any) -> list[str]:
    try:
        return list(inspect.signature(kind).parameters)
    except (TypeError, ValueError):
        return []
