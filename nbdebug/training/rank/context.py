"""What a training in a rank sees of the run: who it is, what it was given, how it tells and is told.

A `train_fn(ctx)` of the user's gets it, and so does our own trainer. Without ranks it is the same: `Context.alone()` trains in this very process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from nbdebug.errors import LaunchError, first_line
from nbdebug.plain import to_plain
from nbdebug.training.folder import RunFolder
from nbdebug.training.rank import owners, snapshot
from nbdebug.training.rank.agreement import NONE, PAUSED, Agreement, Wishes
from nbdebug.training.rank.bypass import Bypass
from nbdebug.training.rank.inbox import Inbox
from nbdebug.training.rank.sender import Now, Sender
from nbdebug.training.rank.spec import RankSpec
from nbdebug.training_setup import PRECISIONS

if TYPE_CHECKING:
    from nbdebug.training.config import RunConfig
    from nbdebug.training.rank.looking_over import OfLoop

WISHED = "wished"  # why there is a checkpoint: somebody asked for it


class Context:
    """One rank of a run.

    Args:
        spec: which rank this is, and of what.
        config: the run's configuration, resolved.
        sender: says what happens; None: one that writes into the run's folder only.
        inbox: what the kernel wishes; None: it cannot be reached.
        precision: of the setup, where the configuration says none.
        resume: the state to go on from.
    """

    def __init__(
        self, spec: RankSpec, config: RunConfig, sender: Sender | None = None, inbox: Inbox | None = None,
        precision: str = "32-true", resume: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.rank, self.world_size, self.local_rank, self.attempt = spec.rank, spec.world_size, spec.local_rank, spec.attempt
        self.device = torch.device(spec.device)
        self.config = config
        self.folder = RunFolder(Path(spec.folder))
        self.precision = config.training.precision or precision
        self.resume = resume
        self.live = snapshot.Live()
        self.wrapped: list[nn.Module] = []  # what went through `wrap`
        self.heard: list[Callable[[dict[str, float]], None]] = []  # are given what `log` is told
        self.met: OfLoop | None = None  # looks at the models and the data of a loop of the user's own
        self.checkpoint_wished = False  # by the user, since the last `checkpoint`; for loops that ask `should_stop`
        self.sender = sender or Sender(spec)
        self._group = _own_group(config) if self.world_size > 1 else None
        self._agreement = Agreement(inbox or Inbox(), self._group)
        self._stop = ""
        self._scaler: torch.amp.GradScaler | None = None

    @classmethod
    def alone(cls, config: RunConfig | None = None, folder: str | Path | None = None, device: str = "cpu", **options: Any) -> Context:
        """One rank without others and without a kernel, in this process.

        Args:
            folder: of the run, which must exist; None: a temporary one.
        """
        from nbdebug.training.config import read_config

        spec = RankSpec(str(folder or tempfile.mkdtemp(prefix="nbdebug-run-")), 0, 1, 0, device=device, called_at=time.time())
        for part in (RunFolder(Path(spec.folder)).payload, RunFolder(Path(spec.folder)).checkpoints):
            part.mkdir(parents=True, exist_ok=True)
        return cls(spec, read_config() if config is None else config, **options)

    # -- who this is, and how it computes ---------------------------------------------------------------------------

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which writes what is written once."""
        return self.rank == 0

    @property
    def group(self) -> Any:
        """For what the ranks tell one another beside gradients, on the CPU; nothing of the user's comes in between. None with one rank."""
        return self._group

    @property
    def now(self) -> Now:
        """Where the rank is; told to the kernel once a second."""
        return self.sender.now

    @property
    def scaler(self) -> torch.amp.GradScaler:
        """Enabled for "16-mixed", else it passes everything through."""
        if self._scaler is None:
            self._scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "16-mixed")
        return self._scaler

    def autocast(self) -> torch.autocast:
        """Around forward pass and loss, as the configuration's precision says."""
        dtype = PRECISIONS[self.precision]
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None)

    def wrap(self, model: nn.Module, *, watched: bool = True, views: bool = False) -> nn.Module:
        """The model on this rank's device, and in DDP where there are other ranks.

        Of `config.training`: sync_batch_norm (on GPUs: torch has it for no other device), find_unused_parameters, static_graph, bucket_mb.

        Args:
            watched: whether somebody may call the model past DDP, and is to be told.
            views: whether gradients lie in DDP's own memory, which saves a copy; not for who keeps one from step to step.
        """
        told = self.config.training
        model = model.to(self.device)
        if told.sync_batch_norm and self.world_size > 1:
            if self.device.type == "cuda":
                model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
            elif self.is_main:
                self.note(f"sync_batch_norm is for GPUs only, and this run is on {self.device.type}: every rank takes the statistics of its own batch")
        self.live.model = model
        self.wrapped.append(model)
        if self.met is not None:
            self.met.wrapped(model)
        if self.world_size == 1 or not any(p.requires_grad for p in model.parameters()):
            return model
        wrapped = nn.parallel.DistributedDataParallel(
            model, device_ids=[self.device.index] if self.device.type == "cuda" else None, bucket_cap_mb=told.bucket_mb,
            find_unused_parameters=told.find_unused_parameters, static_graph=told.static_graph, gradient_as_bucket_view=views,
        )  # fmt: skip
        if self.is_main and watched:
            Bypass(wrapped, model, self.rank, lambda finding: self.send("finding", finding=to_plain(finding)))
        return wrapped

    # -- told ---------------------------------------------------------------------------------------------------------

    def send(self, kind: str, /, **fields: Any) -> None:
        """Tells an event of `nbdebug.training.events`; a checkpoint that was wished is not removed by the rule that removes others."""
        if kind == "checkpoint" and fields.get("why") == WISHED:
            from nbdebug.training import checkpoint

            checkpoint.stay(Path(fields["path"]))
        self.sender.send(kind, **fields)

    def note(self, text: str) -> None:
        """A sentence for the user."""
        self.send("note", text=text)

    def log(self, step: int | None = None, **metrics: float | Tensor) -> None:
        """Numbers of this rank for the curves, one point each.

        Args:
            step: None: the last one that was told.
            metrics: numbers, or tensors of one element; they are not averaged over the ranks.
        """
        if step is not None:
            self.now.step = step
        told = {name: float(value.detach() if isinstance(value, Tensor) else value) for name, value in metrics.items()}
        self.send("metric", step=self.now.step, epoch=self.now.epoch, metrics=told)
        for listener in self.heard:
            listener(told)

    # -- asked --------------------------------------------------------------------------------------------------------

    def agree(self, step: int) -> Wishes:
        """What all ranks do now; every rank must call it, once a step.

        A snapshot is taken here, and while the run is paused this waits. A wish to pause is still in the answer only together with one for a
        checkpoint, which the loop must write: the next call goes on waiting.
        """
        now = self.sender.now
        now.step = step
        wishes = self._agreement()
        return wishes if wishes is NONE else self._obeyed(wishes, step, now.phase)

    def _obeyed(self, wishes: Wishes, step: int, phase: str) -> Wishes:
        while True:
            if wishes.snapshot is not None:
                self._snapshot(step, *wishes.snapshot)
            if not wishes.pause or wishes.stop or wishes.checkpoint:
                break
            if self.now.phase != "paused":
                self.now.phase = "paused"
                self.sender.beat()
            time.sleep(PAUSED)
            wishes = self._agreement(at_once=True)
        if self.now.phase != phase:
            self.now.phase = phase
            self.sender.beat()
        if wishes.stop and not self._stop:
            self._stop = wishes.stop
            self.send("stopping", step=step, reason=wishes.stop)
        return wishes

    def should_stop(self) -> bool:
        """Whether the run is to end now, the same for all ranks; every rank must ask, once a step, and then leave its loop."""
        if not self._stop:
            self.checkpoint_wished |= self.agree(self.now.step).checkpoint
        return bool(self._stop)

    def barrier(self) -> None:
        """Waits for all ranks."""
        if self._group is not None:
            dist.barrier(group=self._group)

    # -- kept ---------------------------------------------------------------------------------------------------------

    def loader(self, loader_or_dataset: Any, **options: Any) -> Iterable[Any]:
        """The batches of this rank: sharded, shuffled by the run's seed, and told where they are when the run is resumed."""
        from nbdebug.training.trainer.loading import loader

        return loader(loader_or_dataset, self, **options)

    def checkpoint(self, state: Mapping[str, Any], step: int) -> None:
        """Writes a checkpoint, by rank 0; every rank may call it.

        Raises:
            CheckpointError: it cannot be written.
        """
        from nbdebug.training import checkpoint

        self.checkpoint_wished = False
        if self.is_main:
            path = checkpoint.save(self.folder, step, dict(state))
            self.send("checkpoint", path=str(path), step=step, why="train_fn")

    def _snapshot(self, step: int, rank: int, token: str) -> None:
        if rank != self.rank:
            return
        try:
            path = snapshot.write(self.folder, self.live, rank, step, token)
        except LaunchError as error:
            self.note(f"the snapshot of rank {rank} was not taken: {first_line(error)}")  # run.snapshot() waits for these words
            return
        self.send("snapshot", path=str(path), step=step, token=token)


def _own_group(config: RunConfig) -> Any:
    """Of its own, so that no collective of the user's can come in between; on the CPU, so that it waits for no GPU."""
    with owners.of_one_user():
        return dist.new_group(backend="gloo", timeout=timedelta(seconds=config.launch.timeout))
