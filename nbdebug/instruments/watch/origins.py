"""Where the parts of a loop were built: the settings that its numbers come from stand there, not where it calls them."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from nbdebug.assigned_at import parsed
from nbdebug.bound_at import Built, Text, call_that_builds, known_texts
from nbdebug.instruments.watch.places import Places
from nbdebug.instruments.watch.recorder import Recorder


class Origins:
    """The calls that built optimizers, schedulers, loaders and models, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Built | None] = {}

    def of(self, recorder: Recorder) -> tuple[Built, ...]:
        new = {(name, kind.__name__): kind for name, kind in _parts(recorder) if (name, kind.__name__) not in self._known}
        if new:
            running = list(_running(recorder.places))
            known = list(known_texts(recorder.places.files()))
            for (name, kind), made in new.items():
                self._known[name, kind] = call_that_builds(name, kind, _parameters(made), running, known)
        return tuple(built for built in self._known.values() if built is not None)


def _parts(recorder: Recorder) -> Iterator[tuple[str, type]]:
    yield from ((a.name, type(a.optimizer)) for a in recorder.ledger if a.optimizer is not None)
    yield from ((s.name, type(s.scheduler)) for s in recorder.schedulers.values())
    yield from ((m.name, type(m.module)) for m in recorder.models.values())
    yield from ((entry.name, type(loader)) for entry in recorder.loaders.values() if (loader := entry.loader()) is not None)


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
