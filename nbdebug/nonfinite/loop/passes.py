"""Which pass of which loop of the user's runs, and the moments from which it could be run again."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any

from torch import nn
from torch.optim import Optimizer

from nbdebug.nonfinite.kept.random_states import RandomStates
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.loop.moments import AFTER_UPDATE, FIRST_CALL, HEAD, Drawn, Fetched, Moment
from nbdebug.nonfinite.loop.source import Loop, Loops
from nbdebug.source_lines import is_users, users_frame

LEARNED_AFTER = 2  # passes after which it is known whether a backward pass follows an update within one; our choice
MOST_UNDONE = 8  # updates of one pass that can be undone, and
MOST_LOOSE = 64  # batches of passes without an update that are remembered
MOST_COPIED = 256_000_000  # weights that are copied for it: in float32 1 GB

Key = tuple[int, int]


class Passes:
    """Follows the calls of the loop. Nothing that it keeps is a frame."""

    def __init__(self) -> None:
        self.models: tuple[nn.Module, ...] = ()
        self.updates = self.passed = 0  # updates and passes so far
        self.bare: Snapshot | None = None  # the first call since an update, where no loop of the user's is seen
        self._loops, self._random = Loops(), RandomStates()
        self._armed: Drawn = self._random.read()
        self._heads: dict[Key, Moment] = {}  # of each loop over a loader
        self._first: Moment | None = None  # the first call since an update
        self._after: Moment | None = None  # the last update, and
        self._start: Moment | None = None  # the one before this pass
        self._begun = self._headed = False
        self._asked = False  # whether an optimizer runs that asks for the loss itself, perhaps several times
        self._position: tuple[int, ...] = ()
        self._key: Key | None = None
        self._updated_in_pass = self._quiet = False  # _quiet: the last pass had no update
        self._ended: dict[Key, int] = {}  # passes since a backward pass came after an update of the same one
        self._undo: list[tuple[int, Snapshot]] = []
        self._pool: dict[tuple[int, int], Snapshot] = {}
        self._loose: list[Fetched] = []  # batches that were fetched elsewhere than at the head of a loop, since the last update
        self._copying = True  # batches, until the loop is known to leave them as they are
        self._batches = 0  # so far
        self._last: Fetched | None = None

    # -- what happens in the loop -------------------------------------------------------------------------------

    def met(self, model: nn.Module) -> None:
        """A model is called for the first time."""
        self.models = (*self.models, model)
        for moment in (*self._heads.values(), self._start, self._after, self._first):
            if moment is not None:
                moment.met(model)

    def fetched(self, loader: Any, batch: Any, frame: FrameType) -> bool:
        """A loader gave a batch; returns whether a pass of a loop over it begins."""
        self._learn_whether_batches_change()
        home = users_frame(frame)
        loop = self._loops.around(home) if home is not None and is_users(home.f_code) else None
        at_head = loop is not None and loop.heads(home.f_lineno)
        fetched = self._last = Fetched(loader, batch, copy=self._copying, drawn=None if at_head else self._random.read())
        if not at_head:
            self._loose.append(fetched)
            for moment in (*self._heads.values(), *((self._start, self._first) if self._begun else (self._after,))):
                if moment is not None and moment.updates == self.updates:
                    moment.batches.append(fetched)
            return False
        key = _key(loop)
        moment = self._heads.get(key)
        if moment is None or moment.seen is not None or any(f.loader is loader for f in moment.batches):  # of zip() there are several
            moment = self._heads[key] = self._moment(moment, HEAD, loop).renew(home, self.updates)
        moment.batches.append(fetched)
        if self._after is not None and self._after.updates == self.updates:  # a generator of the user's that fetches
            self._after.drawn = self._random.read()
        self._begun = False
        return True

    def called(self, frame: FrameType) -> bool:
        """A model that trains, or a backward pass; the first since an update or the head of a loop may begin a pass. Whether one does."""
        found = self._home(frame)
        home, loop, position = found if found is not None else (None, None, ())
        key = _key(loop) if loop is not None else None
        if self._begun and key == self._key and (self._asked or position > self._position):
            self._position = position
            return False
        self._begun, before = True, self.passed
        if home is None or loop is None:
            self._key, self._first, self._start = None, None, None
            self.bare = (self.bare if self.bare is not None and self.bare.models == self.models else Snapshot(self.models, weights=False)).renew()
            return False
        head = self._heads.get(key)
        if head is not None and head.is_of(home) and head.updates == self.updates:
            self._headed = True
            if head.seen is None:
                self._pass_begins()
                head.begun(home)
        elif not self._goes_on(head, home, position):
            self._headed = False
            self._pass_begins()
            self._start = self._promoted(loop, home)
        self._key, self._position = key, position
        self._first = self._moment(self._first, FIRST_CALL, loop).renew(home, self.updates) if self._is_stale(head) else None
        return self.passed > before

    def descends(self) -> None:
        """A backward pass begins."""
        if self._key is not None and self._updated_in_pass:
            self._ended[self._key] = -LEARNED_AFTER  # so that it takes as long to be forgotten

    def descended(self, frame: FrameType) -> None:
        """A backward pass is over. In a loop that moves its weights itself this is the last that is heard of a pass."""
        if self._quiet and not self._headed and (found := self._home(frame)) is not None:
            self._after = self._moment(self._after, AFTER_UPDATE, found[1]).renew(found[0], self.updates)

    def updating(self, optimizer: Optimizer, *, closure: bool, always: bool) -> Snapshot | None:
        """Before an update: a copy of what it changes, where it may be wanted."""
        self._asked = closure
        if not always and (self._key is None or self._ended.get(self._key, 0) >= LEARNED_AFTER):
            return None
        number = len(self._undo)
        if number >= MOST_UNDONE or sum(p.numel() for g in optimizer.param_groups for p in g["params"]) > MOST_COPIED:
            return None
        kept = self._pool.get((id(optimizer), number))
        if kept is None or kept.optimizers[0] is not optimizer:
            kept = self._pool[id(optimizer), number] = Snapshot((), [optimizer])
        self._undo.append((self.updates, kept.renew()))
        return kept

    def updated(self, frame: FrameType, *, skipped: bool = False) -> None:
        """After an update, or one that a scaler skipped."""
        self.updates += not skipped
        self._begun, self._asked, self._updated_in_pass = False, False, True
        self._loose.clear()
        found = self._home(frame)
        if found is None:
            return
        home, loop, self._position = found
        if not self._headed:
            self._after = self._moment(self._after, AFTER_UPDATE, loop).renew(home, self.updates)

    # -- where it could begin again -----------------------------------------------------------------------------

    def candidates(self, frame: FrameType) -> Iterator[tuple[Moment, FrameType]]:
        """The moments that lead here, the most exact first, with the frame that is still there."""
        homes = list(_users_frames(frame))
        for home in homes:
            around = self._loops.around(home)
            heads = [m for m in self._heads.values() if m.is_of(home) and around is not None and _holds(m.loop, home.f_lineno)]
            yield from ((m, home) for m in sorted(heads, key=lambda m: -m.loop.node.lineno) if self._can_be_undone(m))
        for moment in (self._start, self._first):
            home = next((h for h in homes if moment is not None and moment.is_of(h)), None)
            if home is not None and _holds(moment.loop, home.f_lineno) and self._can_be_undone(moment):
                yield moment, home

    def undo(self, moment: Moment) -> None:
        """Takes back the updates since the moment."""
        for number, kept in reversed(self._undo):
            if number >= moment.updates:
                kept.restore()

    def _can_be_undone(self, moment: Moment) -> bool:
        return {number for number, _ in self._undo} >= set(range(moment.updates, self.updates))

    # -- inside -------------------------------------------------------------------------------------------------

    def _pass_begins(self) -> None:
        if self._key is not None and self._updated_in_pass:
            self._ended[self._key] = self._ended.get(self._key, 0) + 1
        self._quiet = not self._updated_in_pass and self.passed > 0
        self._updated_in_pass = False
        self._undo.clear()
        if self._quiet:
            del self._loose[:-MOST_LOOSE]
        self.passed += 1

    def _promoted(self, loop: Loop, home: FrameType) -> Moment | None:
        """The last update before this pass, as far back as anything is known of the user's variables."""
        start, self._after = self._after, self._start
        if self.passed == 1:  # the first pass began no earlier than the tripwire was armed
            start = Moment(AFTER_UPDATE, loop, self.models).renew(home, 0)
            start.line, start.drawn, start.batches = 0, self._armed, list(self._loose)
        if start is None or not start.is_of(home) or start.loop is not loop:
            return None
        start.begun(home)
        return start

    def _goes_on(self, head: Moment | None, home: FrameType, position: tuple[int, ...]) -> bool:
        """Whether this is further on in the pass that runs: no jump back to the beginning of the loop."""
        running = head if self._headed else self._start
        return running is not None and running.is_of(home) and position > self._position

    def _is_stale(self, head: Moment | None) -> bool:
        return not self._headed or head is None or head.updates != self.updates

    def _moment(self, old: Moment | None, kind: str, loop: Loop) -> Moment:
        """The old one, when it is of the same place and models: its memory serves again."""
        return old if old is not None and old.loop is loop and old.models is self.models and old.kind == kind else Moment(kind, loop, self.models)

    def _home(self, frame: FrameType) -> tuple[FrameType, Loop, tuple[int, ...]] | None:
        """The innermost frame of the user's that is in a loop, and how far it and those that it called have come."""
        position: list[int] = []
        for home in _users_frames(frame):
            position.append(home.f_lasti)
            if (loop := self._loops.around(home)) is not None:
                return home, loop, tuple(reversed(position))
        return None

    def _learn_whether_batches_change(self) -> None:
        if self._last is not None:
            self._batches += 1
            self._copying = self._last.written_to or self._batches < LEARNED_AFTER


def _users_frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        frame = users_frame(frame)
        if frame is None or not is_users(frame.f_code):
            return
        yield frame
        frame = frame.f_back


def _holds(loop: Loop, line: int) -> bool:
    return loop.node.lineno <= line <= (loop.node.end_lineno or line)


def _key(loop: Loop) -> Key:
    return id(loop.code), loop.node.lineno
