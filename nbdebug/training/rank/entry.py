"""A rank's process from its first line to its last; the same whether the kernel or torchrun started it.

    environment → guard → output → hello → payload → loaded → process group → ready → the job → done, or error
"""

from __future__ import annotations

import contextlib
import faulthandler
import inspect
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook

from nbdebug.errors import CheckpointError, LaunchError
from nbdebug.seeding import seed_everything
from nbdebug.training import checkpoint
from nbdebug.training.config import read_config
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import FACTORY, FUNCTION, Job
from nbdebug.training.local import preloaded, short_path
from nbdebug.training.payload import reading
from nbdebug.training.rank import guard, inbox, looking_over, meeting, own_loop, raised
from nbdebug.training.rank.context import Context
from nbdebug.training.rank.result import plain_result
from nbdebug.training.rank.sender import Sender
from nbdebug.training.rank.spec import RankSpec
from nbdebug.training.rank.streams import Streams
from nbdebug.training.record.writers import tensorboard
from nbdebug.training.trainer import assembly, loop  # noqa: F401  the server that ranks are forked from has them then
from nbdebug.training_setup import TrainingSetup

LINGERING = 3.0  # seconds for the interpreter to end by itself; below those that the kernel gives it
SLOW_TO_IMPORT = ("torch", "torch._dynamo", "torch.distributed", "torch.nn.parallel.distributed", "cloudpickle", "pydantic", "torchmetrics")
FAILED = 1  # exit code after an error that was told


def main(spec: RankSpec, pipe: Connection | None = None) -> None:
    """All of a rank; does not return after an error.

    Args:
        spec: which rank of which run.
        pipe: to the kernel; None: wishes are read from the run's folder, and events are in its files.
    """
    began = time.time()
    at_start = [name for name in SLOW_TO_IMPORT if name in sys.modules]
    os.environ.update(spec.environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the kernel's is for the kernel, which then says what is to be done
    guard.arm(spec.kernel_pid)
    short_path.arrange()
    folder = RunFolder(Path(spec.folder))
    sender = Sender(spec, pipe)
    streams = _printed(folder, spec, sender, shown=pipe is None)
    sender.send("hello", pid=os.getpid(), host=socket.gethostname(), device=spec.device, preloaded=at_start, versions=preloaded.versions())
    try:
        result = _work(spec, folder, sender, pipe, began)
    except BaseException as error:
        streams.flush()
        _tell(error, sender)
        _end(sender, streams, FAILED)
        sys.exit(FAILED)
    streams.flush()  # what was printed comes before the last word
    sender.send("done", **result)
    _end(sender, streams, 0)


def _work(spec: RankSpec, folder: RunFolder, sender: Sender, pipe: Connection | None, began: float) -> dict[str, Any]:
    """The fields of `done`."""
    wishes = inbox.Inbox(stacks=lambda: sender.send("stacks", text=stacks()))
    if pipe is not None:
        inbox.listen(wishes, pipe)
    else:
        inbox.look(wishes, folder, from_start=not spec.attempt, since=spec.called_at)
    _workers_by_fork()
    job = reading.read(folder, spec.digest)
    sender.send("loaded", seconds=time.time() - began)
    config = read_config(job.config)
    sender.listeners += tensorboard.of_rank(folder, spec.rank, spec.attempt, config.log.tensorboard)
    meeting.meet(spec, config.launch.timeout, by_torchrun=pipe is None and "TORCHELASTIC_RUN_ID" in os.environ)
    context = Context(spec, config, sender, wishes, resume=_resumed(folder, anew=bool(spec.attempt) or pipe is None))
    sender.send("ready", seconds=time.time() - began)
    hook = _first_step(spec, context)
    try:
        result = _done(job, context)
        context.now.phase = "end"
        with contextlib.suppress(Exception):  # another rank may have failed, and says so itself
            context.barrier()
    finally:
        hook.remove()
    plain, note = plain_result(result)
    if note:
        sender.send("note", text=f"rank {spec.rank}: {note}")
    meeting.part()
    return {"result": plain, "step": context.now.step, "weights": str(folder.weights) if folder.weights.exists() else ""}


def _done(job: Job, context: Context) -> Any:
    """Does the job."""
    seed_everything(context.config.seed)  # a model that is built here has the same weights in every rank
    if job.kind == FUNCTION:
        context.now.phase, context.met = "train", looking_over.of_loop(context)
        with own_loop.armed(context):
            return job.what(context, *job.arguments, **job.keywords)
    from nbdebug.training import trainer

    setup = job.what
    if job.kind == FACTORY:
        setup = _built(job, context)
        if not isinstance(setup, TrainingSetup):
            raise LaunchError(f"{_name(job.what)} must return a TrainingSetup, got {type(setup).__name__}; a loop of your own is told by its first argument, ctx")
        looking_over.of_factory(setup, context)
    else:  # the scheduler's mark on optimizer.step stayed in the kernel, and torch would take that for a mistake of the user's
        warnings.filterwarnings("ignore", r"Seems like `optimizer.step\(\)` has been overridden", UserWarning)
    context.precision = context.config.training.precision or setup.precision
    return trainer.train(setup, context)


def _built(job: Job, context: Context) -> Any:
    """What a factory makes: `f()`, `f(config)` where it takes one argument, `f(**config.model)` where the configuration has options for it."""
    asked = [p for p in inspect.signature(job.what).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    if len(asked) == 1 and not context.config.model:
        return job.what(context.config, *job.arguments, **job.keywords)
    return job.what(*job.arguments, **{**context.config.model, **job.keywords})


def _name(what: Any) -> str:
    return getattr(what, "__name__", type(what).__name__)


def _resumed(folder: RunFolder, anew: bool) -> dict[str, Any] | None:
    """The state to go on from: when the run was started before, as torchrun may have without saying so, its newest; else the one that the launch named."""
    if anew:
        with contextlib.suppress(CheckpointError):  # it died before the first checkpoint: from the beginning
            return checkpoint.newest(folder).state
    named = folder.about().get("resume")
    return checkpoint.newest(named).state if named else None


def _first_step(spec: RankSpec, context: Context) -> Any:
    """Says when the first step was made, and notes which optimizers there are."""
    told: list[bool] = []

    def stepped(optimizer: Any, args: Any, kwargs: Any) -> None:
        if not told:
            told.append(True)
            context.send("first_step", seconds=time.time() - spec.called_at if spec.called_at else 0.0)
        context.live.stepped(optimizer)

    return register_optimizer_step_post_hook(stepped)


# -- what others see of the process ---------------------------------------------------------------------------------


def _printed(folder: RunFolder, spec: RankSpec, sender: Sender, shown: bool) -> Streams:
    """Output into the rank's file; with `shown` also where it would have gone, since no kernel shows it."""
    before = os.dup(2) if shown else None

    def told(text: str, skipped: int) -> None:
        if skipped:
            text = f"[{skipped} lines are only in {folder.output(spec.rank).name}]\n{text}"
        sender.send("log", stream="output", text=text)
        if before is not None:
            with contextlib.suppress(OSError):
                os.write(before, text.encode("utf-8", "replace"))

    streams = Streams(folder.output(spec.rank), told)
    faulthandler.enable(file=streams.descriptor)  # a crash in C code says where, without Python's help
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, file=streams.descriptor, all_threads=True)
    return streams


def stacks() -> str:
    """Where every thread of this process stands."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():
        if not names.get(ident, "").startswith("nbdebug-"):
            parts.append(f"Thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}")
    return "\n".join(parts)


def _workers_by_fork() -> None:
    """A spawned process would spawn its own workers too: slow, and their `__main__` is empty."""
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork", force=True)


def _tell(error: BaseException, sender: Sender) -> None:
    told = raised.event_of(error, sender.now.step)
    sender.send("error", **told)
    with contextlib.suppress(Exception):
        print(told["traceback"], file=sys.stderr)
    if "TORCHELASTIC_ERROR_FILE" in os.environ and isinstance(error, Exception):
        from torch.distributed.elastic.multiprocessing.errors import get_error_handler

        get_error_handler().record_exception(error)


def _end(sender: Sender, streams: Streams, code: int) -> None:
    """Everything is said; what still hangs at the end of the interpreter, a thread of the user's say, does not hold the run up."""
    streams.close()
    sender.close()
    timer = threading.Timer(LINGERING, lambda: (guard.kill_children(), os._exit(code)))
    timer.daemon = True
    timer.start()
