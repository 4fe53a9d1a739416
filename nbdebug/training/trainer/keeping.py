"""Checkpoints of a training: collected from all ranks, written by the first, and gone on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbdebug.errors import CheckpointError
from nbdebug.training import checkpoint
from nbdebug.training.record.content import content, same_content
from nbdebug.training.trainer.alarms import Alarms
from nbdebug.training.trainer.assembly import Training
from nbdebug.training.trainer.loading import Place
from nbdebug.training.trainer.state import place_of, random_states, set_random_states

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context


class Keeper:
    """Writes what a training consists of, and puts it back."""

    def __init__(self, training: Training, context: Context, alarms: Alarms) -> None:
        self._training, self._context, self._alarms = training, context, alarms
        told = context.config.checkpoint
        self._rule = checkpoint.Rule(told.keep_last, told.keep_best, told.monitor, told.mode, told.keep_every or 0)
        self.last_step = -1  # of the newest that was written
        self.written = 0  # since the training began
        self._refused = False  # the last one could not be written
        self._looked_at: dict[str, Any] | None = None  # which data this is

    def write(self, step: int, place: Place, why: str, metrics: Mapping[str, float], *, owes: bool = False) -> None:
        """A checkpoint; every rank must call it. One that cannot be written is told, and the training goes on.

        Args:
            metrics: that were measured at this very step.
            owes: whether a validation was due at this step and was broken off.
        """
        context, phase = self._context, self._context.now.phase
        context.now.phase, self.last_step = "checkpoint", step
        everyones = self._training.together.everyone((random_states(context.device), self._alarms.state()))
        if context.is_main:
            try:
                state = self._state(step, place, everyones) | {"owes_validation": owes}
                path = checkpoint.save(context.folder, step, state, metrics=metrics, number=self.written + 1)
                self.written += 1
                checkpoint.keep(context.folder, self._rule)
                context.send("checkpoint", path=str(path), step=step, why=why)
                if self._refused:
                    context.note(f"checkpoints are written again, from step {step} on")
                self._refused = False
            except CheckpointError as error:
                if not self._refused or why == "wished":  # the disk may be full for a thousand checkpoints
                    context.note(f"{error}; the training goes on")
                self._refused = True
        context.now.phase = phase

    def _state(self, step: int, place: Place, everyones: list[Any]) -> dict[str, Any]:
        config = self._context.config
        randoms, alarms = map(list, zip(*everyones, strict=True))
        own = {"step": step, "place": place._asdict(), "random": randoms, "alarms": alarms, "world_size": len(everyones), "seed": config.seed, "written": self.written + 1}
        return own | {"config": config.to_yaml(), "data": self._data()} | self._training.parts.state()

    def resumed(self, state: Mapping[str, Any]) -> tuple[int, Place, bool]:
        """Puts a state back; the step and the place that it is of, and whether a validation is owed there.

        Raises:
            CheckpointError: it is of another training.
        """
        training, context = self._training, self._context
        place = place_of(state)
        training.parts.load(state)
        told = state.get("random") or []
        if context.rank < len(told):
            set_random_states(told[context.rank], context.device)
        alarms = state.get("alarms") or [None]
        self._alarms.restore(alarms[context.rank if context.rank < len(alarms) else 0])
        self.written = int(state.get("written", 0))
        self._notes(state)
        return int(state["step"]), place, bool(state.get("owes_validation"))

    def _notes(self, state: Mapping[str, Any]) -> None:
        context, ranks = self._context, state.get("world_size")
        if not context.is_main:
            return
        if ranks != context.world_size:
            context.note(f"the checkpoint was made by {ranks} ranks and is gone on with by {context.world_size}: the data goes on where it was, the numbers will differ")
        if state.get("seed") != context.config.seed:
            context.note(f"the checkpoint was made with seed {state.get('seed')}, and this run has {context.config.seed}: the order of the data changes")
        told, now = state.get("data"), self._data()
        if not same_content(told, now):
            context.note(f"the checkpoint was made on other data: {_of_data(told)}, and this is {_of_data(now)}")

    def _data(self) -> dict[str, Any]:
        """Which data this is; looked at once."""
        if self._looked_at is None:
            self._looked_at = content(self._training.setup.train_loader)
        return self._looked_at


def _of_data(told: Any) -> str:
    """`TensorDataset of 512 samples (3967020915280a1f)`."""
    if not isinstance(told, Mapping):
        return "unknown"
    digests = told.get("content") or ()
    return f"{told.get('kind')} of {told.get('samples')} samples" + (f" ({digests[-1]})" if digests else "")
