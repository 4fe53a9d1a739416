"""What is known of a run from its files alone, whoever looked after it and however it ended."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nbdebug.training.folder import RunFolder
from nbdebug.training.history import History, table
from nbdebug.training.monitor import ENDED
from nbdebug.training.record import writing
from nbdebug.training.report import OF_THE_TRAINER

LOST, UNREADABLE = "lost", "unreadable"  # states that only a look from outside knows
FAILED_RANK = "ND808"
ASKED_FOR = ('"k": "metric"', '"k": "validation"', '"k": "finding"', '"k": "capsule"')  # kinds that are read; a long run beats a hundred thousand times


@dataclass(frozen=True)
class Told:
    """One run."""

    folder: RunFolder

    @cached_property
    def about(self) -> dict[str, Any]:
        """run.json."""
        return self.folder.about()

    @cached_property
    def record(self) -> dict[str, Any]:
        return writing.read(self.folder)

    @cached_property
    def config(self) -> Any:
        """The configuration as it was resolved; None where it cannot be read any more."""
        from nbdebug.errors import ConfigError
        from nbdebug.training.config import read_config

        with contextlib.suppress(ConfigError, OSError):
            return read_config(self.folder.config)
        return None

    @cached_property
    def state(self) -> str:
        """As it told last; "lost" when whoever looked after it is gone and it did not end."""
        from nbdebug.training.following import lives

        state = str(self.about.get("state") or UNREADABLE)
        return LOST if state not in (*ENDED, UNREADABLE) and not lives(self.about.get("keeper")) else state

    @cached_property
    def history(self) -> History:
        """Metrics, findings and capsules; nothing else is read."""
        history = History()
        for event in sorted(_events(self.folder), key=lambda event: float(event.get("t", 0.0))):
            history.hear(event)
        return history

    @cached_property
    def rows(self) -> list[dict[str, float | None]]:
        """As `run.metrics` has them."""
        return table(self.history.rows)

    @cached_property
    def last_word(self) -> dict[int, Mapping[str, Any]]:
        """What each rank said last."""
        found = {}
        for rank in range(self.processes):
            if (event := _last(self.folder, rank)) is not None:
                found[rank] = event
        return found

    @property
    def id(self) -> str:
        return self.folder.id

    @property
    def processes(self) -> int:
        return len(self.about.get("plan", {}).get("devices", ())) or len(list(self.folder.path.glob("events-rank*.jsonl")))

    @property
    def step(self) -> int:
        """The last one that anybody told of."""
        told = [int(event.get("step") or 0) for event in self.last_word.values()]
        return max([int(self.about.get("step") or 0), *told, *(row.step for row in self.history.rows)])

    @property
    def started(self) -> float | None:
        return self.about.get("created")

    @property
    def seconds(self) -> float | None:
        """From the call to the end; of one that goes on or is lost, to the last word."""
        if self.started is None:
            return None
        end = self.about.get("ended") or max((float(event["t"]) for event in self.last_word.values()), default=self.started)
        return max(0.0, float(end) - float(self.started))

    def last(self, name: str) -> float | None:
        """The last value of a column."""
        return next((row[name] for row in reversed(self.rows) if row.get(name) is not None), None)

    def best(self) -> tuple[str, float, int] | None:
        """What is monitored, its best value and the step it was measured at; None where it was not."""
        told = self.config.checkpoint if self.config is not None else None
        name = f"val_{told.monitor}" if told is not None else "val_loss"
        values = [(float(value), int(row["step"] or 0)) for row in self.rows if (value := row.get(name)) is not None and value == value]
        if not values:
            return None
        value, step = (max if told is not None and told.mode == "max" else min)(values, key=lambda pair: pair[0])
        return name, value, step

    def codes(self) -> dict[str, int]:
        """Of what the preflight and the ranks have found, and how often; a rank that failed is one too, unless it was an alarm that ended it."""
        listed = [*(self.about.get("preflight") or ()), *self.history.findings]
        counts = Counter(code for code, *_ in {(str(f.get("code")), str(f.get("location")), str(f.get("message"))) for f in listed})
        failure = self.about.get("failure")
        if isinstance(failure, Mapping) and not (failure.get("etype") == OF_THE_TRAINER and listed):
            counts[FAILED_RANK] += 1
        return dict(counts)


def _events(folder: RunFolder) -> Iterator[dict[str, Any]]:
    """Those that are asked for, of all ranks."""
    for path in sorted(folder.path.glob("events-rank*.jsonl")):
        with contextlib.suppress(OSError), path.open(errors="replace") as lines:
            for line in lines:
                if any(kind in line for kind in ASKED_FOR):
                    with contextlib.suppress(ValueError):
                        yield json.loads(line)


def _last(folder: RunFolder, rank: int, tail: int = 1 << 14) -> dict[str, Any] | None:
    """The last event that tells a step."""
    with contextlib.suppress(OSError), folder.events(rank).open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - tail))
        for line in reversed(file.read().splitlines()):
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and "step" in event:
                    return event
    return None
