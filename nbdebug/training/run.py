"""A run in the user's hands: what it does, what it has measured, and what it is told to do."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdebug.errors import LaunchError
from nbdebug.training.failure import of_errors
from nbdebug.training.folder import RunFolder
from nbdebug.training.history import History, RankNow, table
from nbdebug.training.job import FACTORY, FUNCTION, Job
from nbdebug.training.monitor import DONE, ENDED, FAILED, INTERRUPTED

if TYPE_CHECKING:
    import pandas
    from torch import nn

    from nbdebug.findings import Finding
    from nbdebug.instruments.report import Report
    from nbdebug.training.failure import Failure
    from nbdebug.training.following import Follower
    from nbdebug.training.local.engine import Engine
    from nbdebug.training.snapshot import Snapshot

SLICE = 0.2  # seconds of waiting after which an interrupt is looked at where the system does not wake a lock for it
ANSWER = 30.0  # seconds that ranks may take to do what they were asked; our choice: a long step, and a large file
STACKS = 2.0  # seconds that ranks may take to say where they are; they answer from a thread
ASKED_FOR = ("wished", "train_fn")  # why a checkpoint was written, when that may be because it was asked for

known: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()  # the runs of this kernel, by the path of their folder


class Run:
    """One run: launched here, or attached to.

    Args:
        folder: where its files are.
        job: what it does, where that is known in this kernel.
    """

    def __init__(self, folder: RunFolder, job: Job | None = None) -> None:
        self.folder, self.job = folder, job
        self._keeper: Engine | Follower
        self._callbacks: list[Callable[[Run], Any]] = []
        self._model: nn.Module | None = None
        self._told_all = False
        self.snapshots: list[Snapshot] = []  # that were taken here; the files are beside the run's others
        known[str(folder.path)] = self

    def kept_by(self, keeper: Engine | Follower) -> Run:
        """Who looks after the processes, or follows their files."""
        self._keeper = keeper
        return self

    # -- what it is and does ----------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        return self.folder.id

    @property
    def state(self) -> str:
        """preparing, starting, running, paused, stopping, restarting; done, failed or interrupted at the end."""
        state = self._keeper.monitor.state
        return state if state not in ENDED or self._keeper.ended.is_set() else "stopping"

    @property
    def step(self) -> int:
        """Steps done, as far as the ranks have told."""
        return self._keeper.monitor.step()

    @property
    def epoch(self) -> int:
        return max((rank.epoch for rank in self.ranks), default=0)

    @property
    def ranks(self) -> list[RankNow]:
        """What each rank does at this moment."""
        return self._keeper.monitor.ranks_now()

    @property
    def history(self) -> History:
        """Everything that was told, as it came; for views."""
        return self._keeper.monitor.history

    @property
    def ended(self) -> bool:
        return self._keeper.ended.is_set()

    @property
    def trouble(self) -> str:
        """Why it failed or ended early; empty when it did not."""
        monitor = self._keeper.monitor
        if self.state == FAILED and monitor.failure is not None:
            return monitor.failure.sentence
        return monitor.reason if self.state == INTERRUPTED else ""

    @property
    def notes(self) -> list[str]:
        """Sentences for the user."""
        return list(self.history.notes)

    @property
    def failure(self) -> Failure | None:
        """Why it failed; None when it did not."""
        return self._keeper.monitor.failure

    @property
    def capsules(self) -> list[Path]:
        """The steps that tripped an alarm, as files for `nbdebug.replay`, in the order of time."""
        return [Path(capsule["path"]) for capsule in list(self.history.capsules)]

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, worst first, each once; `report()` also judges the curves."""
        from nbdebug.training import report

        return list(report.findings(self))

    def report(self) -> Report:
        """Curves, ranks and findings of the run, as far as it is."""
        from nbdebug.training import report

        self._complete()
        return report.report(self)

    def replay(self, capsule: int | str | os.PathLike[str] = -1) -> Report:
        """A step that tripped an alarm, once more in this kernel, with loss and optimizer as the ranks had them.

        Args:
            capsule: which of `capsules`, or the path of one.

        Raises:
            LaunchError: there is none, or this kernel does not know the model of the run: then `nbdebug.replay(path, setup)`.
        """
        from nbdebug.training import replayed

        return replayed.replay(self, capsule)

    @property
    def metrics(self) -> pandas.DataFrame:
        """A row a step: step, epoch, what was measured in training, and in validation with `val_` before the name."""
        import pandas

        self._complete()
        rows = table(list(self.history.rows))
        return pandas.DataFrame(rows) if rows else pandas.DataFrame({"step": [], "epoch": []})

    @property
    def result(self) -> Any:
        """What the training returned in rank 0, as far as it is plain; None before its end."""
        return self.history.done.get(0, {}).get("result")

    def events(self, kind: str | None = None) -> list[Mapping[str, Any]]:
        """What the ranks have written into their files, in the order of time; of one kind, if that is told."""
        said = [event for rank in range(len(self.ranks)) for event in self.folder.said(rank) if kind is None or event.get("k") == kind]
        return sorted(said, key=lambda event: float(event.get("t", 0.0)))

    def logs(self, rank: int | None = None) -> str:
        """What a rank has printed; of all ranks, one after the other, when none is told."""
        if rank is None:
            return "".join(f"── rank {r.rank} ──\n{self.logs(r.rank)}" for r in self.ranks) if len(self.ranks) > 1 else self.logs(0)
        try:
            return self.folder.output(rank).read_text(errors="replace")
        except OSError:
            return ""

    def on_change(self, callback: Callable[[Run], Any]) -> Callable[[], None]:
        """Calls `callback(run)` when something happened, ten times a second at most, in a thread whose output goes under the launching cell.

        Returns:
            What takes it back.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    # -- what it is told --------------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Run:
        """Until the end, or for so many seconds; the weights are then in the user's own model.

        An interrupt stops the run, waits until its processes are gone, and goes on; the second one does not let them finish. A detached run goes on.

        Raises:
            RankFailed: the run failed; says which rank, at which step, in which line.
        """
        from nbdebug.training import view

        until = None if timeout is None else time.monotonic() + timeout
        try:
            with view.while_waiting(self):
                if not self._waited(until):
                    return self
        except KeyboardInterrupt:
            self._interrupted()  # it came while the run was being displayed
            raise
        if self._keeper.monitor.failure is not None:
            raise self._keeper.monitor.failure.error()
        if self.state == DONE and self.job is not None and self.job.kind != FUNCTION and self._weights().exists():
            self._trained()
        return self

    def stop(self, reason: str = "", grace: float | None = None) -> None:
        """Asks all ranks to end at the same step, with a checkpoint; the second time they are ended. Returns at once.

        Args:
            grace: seconds that they have; None: as configured.
        """
        if not self.ended:
            self._keeper.stop(reason or "stopped by the user", grace)

    def kill(self) -> None:
        """Ends all processes of the run at once. Returns at once."""
        if not self.ended:
            self._keeper.kill("killed by the user")

    def pause(self) -> None:
        """All ranks wait, at the same step, until `resume`."""
        self._tell("pause")

    def resume(self) -> None:
        self._tell("resume")

    def checkpoint(self, timeout: float = ANSWER) -> Path:
        """Has a checkpoint written now, while the training goes on; it stays, whatever rule removes the others.

        Raises:
            LaunchError: the run has ended, or none came.
        """
        before, notes = len(self.history.checkpoints), len(self.history.notes)
        written = lambda: [told["path"] for told in self.history.checkpoints[before:] if told.get("why") in ASKED_FOR]  # noqa: E731
        refused = lambda: [note for note in self.history.notes[notes:] if note.startswith("the checkpoint of step")]  # noqa: E731
        self._tell("checkpoint_now")
        self._until(lambda: bool(written() or refused()), timeout, "wrote no checkpoint")
        if not written():
            raise LaunchError(refused()[0])
        return Path(written()[0])

    def snapshot(self, rank: int = 0, timeout: float = ANSWER) -> Snapshot:
        """The live weights, optimizer state and last batch of a rank, in this kernel; the training goes on meanwhile.

        Raises:
            LaunchError: the run has ended, there is no such rank, or it did not answer.
        """
        from nbdebug.training import snapshot

        if not 0 <= rank < len(self.ranks):
            raise LaunchError(f"there is no rank {rank}: the run has {len(self.ranks)}")
        token, notes = secrets.token_hex(8), len(self.history.notes)
        self._tell("snapshot", rank=rank, token=token)
        refused = lambda: [note for note in self.history.notes[notes:] if note.startswith(f"the snapshot of rank {rank}")]  # noqa: E731
        self._until(lambda: token in self.history.snapshots or bool(refused()), timeout, "took no snapshot")
        if token not in self.history.snapshots:
            raise LaunchError(refused()[0])
        self.snapshots.append(snapshot.of(Path(self.history.snapshots[token]["path"]), self.job))
        return self.snapshots[-1]

    def stacks(self, timeout: float = STACKS) -> str:
        """Where each rank stands; of one that does not answer, what the system says of it."""
        from nbdebug.training.local import ending

        if self.ended:
            return f"the run has ended ({self.state})"
        for rank in self.ranks:
            self.history.stacks.pop(rank.rank, None)
        self._tell("stacks")
        with contextlib.suppress(LaunchError):
            self._until(lambda: all(rank.rank in self.history.stacks for rank in self.ranks), timeout, "")
        answers = []
        for rank in self.ranks:
            said = self.history.stacks.get(rank.rank) or f"no answer for {rank.heard:.0f} s: {ending.standing_still(rank.pid) or 'it runs compiled code'}"
            answers.append(f"── rank {rank.rank} (pid {rank.pid}), step {rank.step} ──\n{said.rstrip()}\n")
        return "".join(answers)

    # -- what it gives ----------------------------------------------------------------------------------------

    @property
    def model(self) -> nn.Module:
        """The user's own model with the trained weights; of a factory the one that it makes here.

        Raises:
            LaunchError: the run goes on, it left no weights, or there is no model in this kernel.
        """
        if not self.ended:
            raise LaunchError(f"the run is {self.state}: run.wait() waits for its weights, run.snapshot() has those of this moment")
        return self._trained()

    def load_into(self, model: nn.Module) -> nn.Module:
        """Fills a model with the trained weights: its own tensors, nothing of it is replaced.

        Raises:
            LaunchError: there are none, or they are of another model; then it was left as it was.
        """
        from nbdebug.training import weights

        return weights.load_into(model, self._weights())

    def _trained(self) -> nn.Module:
        if self._model is None:
            if not self._weights().exists():
                why = self._keeper.monitor.failure.sentence if self._keeper.monitor.failure else self._last_words() or "it was stopped before it could write them"
                raise LaunchError(f"the run left no trained weights: {why}. launch(…, resume={self.id!r}) goes on from its last checkpoint")
            if self.job is None:
                raise LaunchError("this kernel does not know the model of the run: make it, and call run.load_into(model)")
            if self.job.kind == FUNCTION:
                raise LaunchError("a train_fn has a model only in the ranks: make it here, and call run.load_into(model)")
            self._model = self.load_into(made(self.job).model if self.job.kind == FACTORY else self.job.what.model)  # type: ignore[union-attr]
        return self._model

    def export(self, directory: str | os.PathLike[str], nodes: int = 2) -> Path:
        """Writes the run into a folder of its own that `torchrun main.py` trains, on this machine or on others; README.md there says how.

        Args:
            directory: new, or empty.
            nodes: that README.md and submit.slurm speak of.

        Raises:
            LaunchError: there is something in the directory, or it cannot be written.
        """
        from nbdebug.training.beyond import exporting

        return exporting.export(self, directory, nodes)

    def _weights(self) -> Path:
        """The file of them: in the run's folder, or where rank 0 put it when that could not be written."""
        told = self.result.get("weights_elsewhere") if isinstance(self.result, dict) else None
        return Path(told) if told and not self.folder.weights.exists() else self.folder.weights

    def _last_words(self) -> str:
        """The error of a rank while the run was being stopped, which is no failure of the run."""
        said = of_errors(self.history.errors)
        return f"while it stopped, {said.sentence}" if said is not None else ""

    # -- within -----------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Something happened; called by whoever looks after the run."""
        for callback in list(self._callbacks):
            try:
                callback(self)
            except Exception as error:  # of whoever shows the run; the run goes on, and it is not asked again
                self._callbacks.remove(callback)
                self.history.note(f"showing the run failed: {type(error).__name__}: {error}")

    def _waited(self, until: float | None) -> bool:
        """Whether it has ended by then."""
        try:
            while not self._keeper.ended.wait(SLICE if until is None else min(SLICE, max(0.0, until - time.monotonic()))):
                if until is not None and time.monotonic() >= until:
                    return False
        except KeyboardInterrupt:
            self._interrupted()
            raise
        return True

    def _tell(self, kind: str, **fields: Any) -> None:
        if self.ended:
            raise LaunchError(f"the run has ended ({self.state})")
        self._keeper.tell(kind, **fields)

    def _until(self, true: Callable[[], bool], timeout: float, else_what: str) -> None:
        until = time.monotonic() + timeout
        while not true():
            if self.ended:
                raise LaunchError(f"the run has ended ({self.state})")
            if time.monotonic() > until:
                raise LaunchError(f"the run {else_what} within {timeout:g} s; run.stacks() shows where it stands")
            time.sleep(0.01)

    def _complete(self) -> None:
        """Metrics that were dropped on the way are in the files."""
        if self.ended and self.history.dropped and not self._told_all:
            complete = History()
            for event in self.events():
                complete.hear(event)
            if len(complete.rows) >= len(self.history.rows):
                self.history.rows = complete.rows
            self._told_all = True

    def _interrupted(self) -> None:
        """The user's interrupt: gone before it goes on. An interrupt while waiting ends them now."""
        if self.folder.about().get("detached"):
            return
        try:
            self.stop("by an interrupt of the kernel")
            self._keeper.ended.wait()
        except KeyboardInterrupt:
            self.kill()
            with _not_interrupted():
                self._keeper.ended.wait(SLICE + 5.0)

    def _ipython_display_(self) -> None:
        """Live in a notebook; elsewhere IPython asks for the page."""
        from nbdebug.training import view

        view.show(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbdebug.training import view

        return view.mimebundle(self)

    def __repr__(self) -> str:
        where = f" at step {self.step}" if self.step else ""
        why = f": {self.trouble}" if self.trouble else ""
        return f"<Run {self.id}, {self.state}{where}, {len(self.ranks)} {'process' if len(self.ranks) == 1 else 'processes'}{why}>"


def made(job: Job) -> Any:
    """What a factory gives, made in this kernel as the ranks made it."""
    import inspect

    from nbdebug.training.config import read_config
    from nbdebug.training_setup import TrainingSetup

    config, what = read_config(job.config), job.what
    asked = [p for p in inspect.signature(what).parameters.values() if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]  # type: ignore[arg-type]
    setup = what(config) if len(asked) == 1 and not config.model else what(**config.model)  # type: ignore[operator]
    if not isinstance(setup, TrainingSetup):
        raise LaunchError(f"the factory gave a {type(setup).__name__}, not a TrainingSetup")
    return setup


@contextlib.contextmanager
def _not_interrupted() -> Any:
    """For the seconds in which the last processes go; in another thread than the main one nothing is to be done."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
