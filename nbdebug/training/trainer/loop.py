"""The training, from its first step or from a checkpoint to its last.

    epoch → batch … batch → update → schedules, average → told → validation? → what the kernel wishes → checkpoint?
          → end of the epoch: schedules → validation? → checkpoint?
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdebug.errors import CheckpointError, SetupError
from nbdebug.training import checkpoint
from nbdebug.training.rank.agreement import NONE, Wishes
from nbdebug.training.rank.snapshot import unwrapped
from nbdebug.training.trainer.alarms import Alarms
from nbdebug.training.trainer.assembly import Training
from nbdebug.training.trainer.determinism import repeatable
from nbdebug.training.trainer.keeping import Keeper
from nbdebug.training.trainer.loading import Place
from nbdebug.training.trainer.moments import Moments, every, following
from nbdebug.training.trainer.numbers import sampled
from nbdebug.training.trainer.told import Told, timed

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context

RAW = "weights-raw.pt"  # beside weights.pt, when that has averaged ones


class Loop:
    """One training of one rank; every rank does the same at the same step."""

    def __init__(self, training: Training, context: Context) -> None:
        self.training, self.context, self.told = training, context, context.config.training
        self.step, self.place = 0, Place(world_size=context.world_size)
        self.metrics: dict[str, float] = {}  # of the last validation
        self.ended = ""  # why it ended; empty: it goes on
        self._validated = -1  # step of the last validation
        self._owes = False  # a validation that was broken off
        self._wished = False  # a checkpoint, while there was no time for it
        self._elsewhere: Path | None = None  # the weights, where the run's folder did not take them
        self._said = Told(context, training.setup)
        self._alarms = Alarms(training, context)
        self._keeper = Keeper(training, context, self._alarms)
        self._moments = Moments(context.config.checkpoint, training.together)
        self._layers = sampled(training, context)
        self._by_step = [schedule for schedule in training.schedules if schedule.counts_steps]
        self._due_at = 0  # the next step after which there is more to be done than after every one

    def run(self) -> dict[str, Any]:
        """Trains; gives the step, the last metrics and why it ended, and leaves the weights in the run's folder."""
        context, model = self.context, self.training.setup.model
        if context.resume is not None:
            self.step, self.place, self._owes = self._keeper.resumed(context.resume)
        if not model.training:  # parts that the user keeps in eval mode stay so
            model.train()
        with repeatable(self.context.config.deterministic):
            if self._owes:
                self._validate()
            self._look_at_length()
            if self.ended:
                context.now.step, context.now.epoch = self.step, self.place.epoch
                if context.is_main:
                    context.note(f"nothing was left to train: the checkpoint is of step {self.step}, after epoch {self.place.epoch}, and the run was to have no more")
            try:
                while not self.ended:
                    self._epoch()
            finally:
                self._layers.close()
                self._alarms.close()
            self._finish()
        elsewhere = {"weights_elsewhere": str(self._elsewhere / self.context.folder.weights.name)} if self._elsewhere is not None else {}
        return {"step": self.step, "epoch": self.place.epoch, "metrics": self.metrics, "train": self._said.last, "ended": self.ended, **elsewhere}

    # -- an epoch, an update ------------------------------------------------------------------------------------------

    def _epoch(self) -> None:
        now, training, before = self.context.now, self.training, self.step
        now.epoch, now.phase = self.place.epoch, "train"
        batches = timed(training.data.epoch(self.place), self.context, self._alarms.waited)
        with contextlib.closing(batches):
            for delivered in batches:
                self._alarms.begins(delivered.batch)
                self._layers.begins(self.step + 1)
                training.updates.take(delivered)
                if not delivered.ends:
                    continue
                self.place = delivered.place
                self._update()
                if self.ended:
                    return
        if self.step == before and not self.place.batches:
            raise SetupError("train_loader is empty: it gave no batch to this rank (dataset length, drop_last, sampler?)")
        self._end_epoch()

    def _update(self) -> None:
        training, step = self.training, self.step + 1
        if self._alarms.before_update(step):
            training.updates.drop()
            self._layers.over(step, None)
        else:
            updated = training.updates.update(norm=self._said.wants_norm(step))
            self._layers.over(step, updated)
            self._alarms.after_update(step, updated)
            if not updated.skipped:
                for schedule in self._by_step:
                    schedule.step()
                if training.averaged is not None:
                    training.averaged.update()
            self._said.update(step, updated)
        self.step = step
        due = step >= self._due_at
        if due and every(self.told.validate_every_steps, step):
            self._validate()
        wishes = self.context.agree(step)
        if due or self._wished or wishes is not NONE:
            self._between(step, wishes)

    def _between(self, step: int, wishes: Wishes) -> None:
        """What is due after this update, or wished."""
        why = self._moments.after_step(step)
        self._wished |= wishes.checkpoint
        self.ended = wishes.stop or self.ended
        if (why or self._wished) and not self.ended:
            self._checkpoint(why)
        self._look_at_length()
        length = [n for n in (self.told.max_steps, 1 if self.told.fast_dev_run else None) if n is not None]
        self._due_at = min([following(self.told.validate_every_steps, step), self._moments.next(step), *length])

    def _end_epoch(self) -> None:
        self.place = Place(epoch=self.place.epoch + 1, world_size=self.context.world_size)
        for schedule in self.training.schedules:
            schedule.end_epoch()
        if every(self.told.validate_every, self.place.epoch):
            self._validate()
        why = self._moments.after_epoch(self.place.epoch)
        if why and not self.ended:
            self._checkpoint(why)
        self._look_at_length()

    def _look_at_length(self) -> None:
        """Whether this is the end."""
        told = self.told
        if not self.ended and (told.fast_dev_run and self.step >= 1):
            self.ended = "fast_dev_run"
        if not self.ended and told.max_steps is not None and self.step >= told.max_steps:
            self.ended = "max_steps"
        if not self.ended and told.epochs is not None and self.place.epoch >= told.epochs:
            self.ended = "epochs"

    # -- between updates ------------------------------------------------------------------------------------------------

    def _validate(self) -> None:
        training, context = self.training, self.context
        if training.validation is None or self._validated == self.step:
            return
        phase, context.now.phase = context.now.phase, "validate"
        with self._averaged():
            metrics = training.validation(self._asked_to_stop)
        context.now.phase, self._owes = phase, not metrics
        if self._owes:
            return
        self.metrics, self._validated = metrics, self.step
        if context.is_main:
            context.send("validation", step=self.step, epoch=self.place.epoch, metrics=metrics)
        if (value := metrics.get(context.config.checkpoint.monitor)) is not None:
            for schedule in training.schedules:
                schedule.judged(value)
        self._judge()

    def _judge(self) -> None:
        """Whether it is time to stop early."""
        stopping = self.training.stopping
        value = self.metrics.get(stopping.config.monitor) if stopping is not None else None
        if stopping is None or value is None or not stopping.told(value) or self.ended:
            return
        self.ended = "early_stopping"
        if self.context.is_main:
            self.context.note(f"stopped early at step {self.step}: {stopping.reason}")

    def _asked_to_stop(self) -> bool:
        """In a validation, which may be long; a checkpoint that is wished waits for its end."""
        wishes = self.context.agree(self.step)
        self._wished |= wishes.checkpoint
        self.ended = self.ended or wishes.stop
        return bool(wishes.stop)

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        return self.training.averaged.swapped_in() if self.training.averaged is not None else contextlib.nullcontext()

    def _checkpoint(self, why: str) -> None:
        why, self._wished = "wished" if self._wished else why, False
        self._keeper.write(self.step, self.place, why, self.metrics if self._validated == self.step else {}, owes=self._owes)

    def _finish(self) -> None:
        """The last validation and checkpoint, where they were not made at this very step, and the weights."""
        stopped = self.ended not in ("epochs", "max_steps", "early_stopping", "fast_dev_run")
        if not stopped and (self.told.validate_every or self.told.validate_every_steps):
            self._validate()
        if self._keeper.last_step != self.step and (self.context.config.checkpoint.on_stop if stopped else self._moments.wanted):
            self._checkpoint("stopped" if stopped else "end")
        self.context.now.phase = "end"
        self.training.data.close()
        if self.context.is_main:
            self._write_weights()
        self.context.barrier()

    def _write_weights(self) -> None:
        """Those of the average where there is one, and the raw ones beside it."""
        folder, averaged = self.context.folder, self.training.averaged
        model = unwrapped(self.training.setup.model)
        if averaged is not None:
            self._written(folder.path / RAW, model.state_dict())
        with self._averaged():
            self._written(folder.weights, model.state_dict())

    def _written(self, path: Path, weights: dict[str, Any]) -> None:
        """Where the run's folder cannot be written any more, they go to a place of their own: what was trained is not lost."""
        try:
            checkpoint.write(path, weights)
        except CheckpointError as error:
            try:
                self._elsewhere = self._elsewhere or Path(tempfile.mkdtemp(prefix="nbdebug-weights-"))
                checkpoint.write(self._elsewhere / path.name, weights)
            except (CheckpointError, OSError) as other:
                raise CheckpointError(f"the training ended well, but its weights were not written: {error}; nor elsewhere: {other}") from error
            self.context.note(f"the weights could not be written into the run's folder ({error}); they are in {self._elsewhere / path.name}")
