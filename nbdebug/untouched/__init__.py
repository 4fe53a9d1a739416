"""Leave no trace: `with untouched(setup):` lends the user's session to an examination and hands it back as it was.

It is an ExitStack over the keepers, and a digest before and after that says whether the promise was kept.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nbdebug.errors import SetupError, first_line
from nbdebug.loading import rewinds
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import keepers
from nbdebug.untouched.aside import Undo
from nbdebug.untouched.digest import Digest, differences, digest
from nbdebug.untouched.session import Session, demand_no_lazy
from nbdebug.untouched.walk import session_of

MOST_NAMED = 8  # changes in one sentence
_TURN = threading.RLock()  # one thread at a time; within it, examinations nest
_OPEN: list[untouched] = []  # those under way, the outermost first

__all__ = ["Proof", "interrupts_wait", "untouched"]


@dataclass(frozen=True)
class Proof:
    """What the digests before and after said."""

    changes: tuple[str, ...] = ()  # names of what is not as it was; empty when the promise was kept
    limits: tuple[str, ...] = ()  # what cannot be promised for this setup
    tensors: int = 0  # compared
    random_states: int = 0  # compared

    @classmethod
    def united(cls, proofs: Iterable[Proof]) -> Proof:
        """One proof for several examinations of the same session."""
        proofs = tuple(proofs)
        return cls(
            tuple(dict.fromkeys(change for proof in proofs for change in proof.changes)),
            tuple(dict.fromkeys(limit for proof in proofs for limit in proof.limits)),
            max((proof.tensors for proof in proofs), default=0),
            max((proof.random_states for proof in proofs), default=0),
        )

    def sentences(self) -> tuple[str, ...]:
        """The closing lines of a report."""
        if self.changes:
            more = len(self.changes) - MOST_NAMED
            named = ", ".join(self.changes[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
            return (f"your session was CHANGED: {named}", *self.limits)
        compared = f"{_counted(self.tensors, 'tensor')}, {_counted(self.random_states, 'random state')}"
        return (f"your session was left as it was (verified by digest: {compared}, modes, hooks, settings)", *self.limits)


class untouched:  # noqa: N801  reads as the verb it is
    """Lends the session for the time of a `with` block; afterwards `proof` tells what became of it.

    Args:
        setup: the training whose session is lent.
        weights: whether weights and the optimizer's state will be written to; only then are they copied.
        vouches: whether its proof is enough for those within it. These give back as ever, and have no proof of their own: what they should
            leave behind in the user's own the outer digest sees.

    Raises:
        SetupError: on entering, when something cannot be put aside; nothing has been changed then.
    """

    def __init__(self, setup: TrainingSetup, *, weights: bool = False, vouches: bool = False) -> None:
        self._setup, self._weights, self._vouches = setup, weights, vouches
        self._failed: list[str] = []
        self._around: untouched | None = None  # what vouches for this one; another setup may reach what that one does not
        self.proof: Proof | None = None

    def __enter__(self) -> untouched:
        if not _TURN.acquire(blocking=False):
            raise SetupError(
                "another thread is examining a training, and random states and settings belong to the whole process: "
                "call nbdebug again when that is over"
            )
        try:
            self._around = next((other for other in _OPEN if other._vouches and other._setup is self._setup), None)
            self._put_aside()
            _OPEN.append(self)
        except BaseException:
            if self in _OPEN:
                _OPEN.remove(self)
            _TURN.release()
            raise
        return self

    def _put_aside(self) -> None:
        session = session_of(self._setup, weights=self._weights)
        demand_no_lazy(session)
        if self._around is None:
            self._limits, self._before = limits(session), digest(session)
        with contextlib.ExitStack() as stack:  # an error here, or an interrupt, gives back what was borrowed so far
            with interrupts_wait():
                for keeper in keepers.KEEPERS:
                    stack.callback(self._give_back, keeper.__name__, _borrow(keeper, session))
            self._borrowed = stack.pop_all()

    def __exit__(self, *error: Any) -> None:
        try:
            with interrupts_wait():
                self._borrowed.close()
                if self._around is not None:
                    self._around._failed += self._failed
                    return
                after = digest(session_of(self._setup, weights=self._weights))
                self.proof = _proof(self._before, after, self._failed, self._limits)
        finally:
            _OPEN.remove(self)
            _TURN.release()

    def _give_back(self, name: str, undo: Undo) -> None:
        try:
            undo()
        except Exception as error:  # one that fails must not keep the others from giving back
            self._failed.append(f"{name.replace('_', ' ')} could not be given back ({error})")


def limits(session: Session) -> tuple[str, ...]:
    """What cannot be promised for this session, in sentences."""
    said = []
    for name in ("train_loader", "val_loader"):
        loader = getattr(session.setup, name)
        if loader is not None and not rewinds(loader):
            said.append(f"{name} reads an iterable dataset, which cannot be rewound")
    compiled = any(type(m).__module__.startswith("torch._dynamo") or m._compiled_call_impl for m in session.modules.values())
    if compiled:
        said.append("compiled model: examined eagerly")
    return tuple(said)


def _borrow(keeper: keepers.Keeper, session: Session) -> Undo:
    try:
        return keeper(session)
    except Exception as error:
        raise SetupError(
            f"{keeper.__name__.replace('_', ' ')} could not be put aside, so nothing was examined: {first_line(error)}"
        ) from error


def _proof(before: Digest, after: Digest, failed: list[str], limits: tuple[str, ...]) -> Proof:
    tensors = sum(name.startswith(("weight ", "buffer ")) for name in before)
    random_states = sum(name.startswith("random state") for name in before)
    return Proof((*failed, *differences(before, after)), limits, tensors, random_states)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """An interrupt that comes while state is swapped is kept until all of it is: the impatient press twice."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # ignored, or handled outside Python
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(signal.SIGINT, None)
