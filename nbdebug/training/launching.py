"""From a setup in the notebook to a run: everything that can be wrong is said before a process starts."""

from __future__ import annotations

import inspect
import os
import shutil
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from torch import nn

from nbdebug.errors import ConfigError, LaunchError
from nbdebug.plain import to_plain
from nbdebug.training import attaching
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import FACTORY, FUNCTION, SETUP, Job
from nbdebug.training.run import Run, known
from nbdebug.training_setup import TrainingSetup

MOST_PER_CORE = 4  # processes on CPUs; our choice: more of them only wait for each other
ALWAYS_ALLOWED = 8  # processes, however few cores there are
METRICS = ("torchmetrics",)  # its import brings SciPy and more: 1 to 2.5 s, which each rank would take
CONTEXT_NAMES = ("ctx", "context")  # of the first parameter of a train_fn

Begin = Callable[[Run, Any, bool], Run]  # starts the ranks of a run by its plan, and says whether they outlive the kernel


def launch(
    job: TrainingSetup | Callable[..., Any] | None = None, *args: Any, config: Any = None, num_processes: int | None = None,
    precision: str | None = None, wait: bool = False, detach: bool | None = None, resume: str | os.PathLike[str] | Run | None = None,
    engine: str = "local", runs_dir: str | os.PathLike[str] | None = None, name: str | None = None, start_method: str | None = None, preflight: bool = True,
    nnodes: int = 1, rdzv: str | None = None, address: str | None = None, **overrides: Any,
) -> Run:  # fmt: skip
    """Trains in fresh processes, with what is in this kernel as it is.

    Args:
        job: a TrainingSetup; a function that makes one, which is called in each process, `make()` or `make(config)`; or a loop of your own,
            `train(ctx, …)`. None: what the run trained that is resumed.
        args: of a loop of your own, after `ctx`.
        config: the path of a YAML file, a mapping, or nothing.
        num_processes: ranks; None: one for each GPU, or a single one.
        precision: "bf16-mixed", …; None: that of the setup.
        wait: until the end; else the kernel is free at once.
        detach: whether the run outlives the kernel; `nbdebug.attach` finds it again.
        resume: "last", the id of a run, its folder, or a checkpoint, to go on from.
        engine: "local", this machine; "torchrun", which several nodes can be under, and whose runs outlive the kernel; or "ray", through Ray Train.
        runs_dir: where the folder of the run is made; None: `nbdebug_runs`, or $NBDEBUG_RUNS.
        name: a part of the folder's name.
        start_method: "forkserver", or "spawn"; None: the better one that there is.
        preflight: whether the setup is looked at before processes start, where there are to be several: `nbdebug.preflight`.
        nnodes: under torchrun, how many; `num_processes` is that of each, and all of them must see the run's folder.
        rdzv: "host:port" where the nodes meet.
        address: of a cluster of Ray's that is there, "auto" or "host:port", all of whose nodes must see the run's folder; None: one of its own, on this machine.
        overrides: of the configuration, `epochs=2`, `lr=3e-4`.

    Raises:
        ConfigError: the configuration cannot be meant.
        LaunchError: something cannot be shipped to the processes, or there is not what the run needs.
        RankFailed: with `wait`, the run failed.
    """
    called_at = time.time()
    begin = _begin_with(engine, nnodes, rdzv, address)
    told = {"launch.num_processes": num_processes, "training.precision": precision, "launch.detach": detach, "name": name, "launch.start_method": start_method}
    told = {**overrides, **{place: value for place, value in told.items() if value is not None}}
    _demand_count(num_processes)
    source = attaching.checkpoint_of(resume, runs_dir) if resume is not None else None
    before = None if job is not None else _job_of(source)
    if before is not None:
        job, args = before.what, args or before.arguments
        config = before.config if config is None else config
    if job is None:
        assert source is not None
        return _again(source, config, told, runs_dir, called_at, wait, begin)
    settled = _settled(job, args, config, told)
    folder = RunFolder.create(_config(settled).name, runs_dir)
    try:
        run = _prepared(settled, folder, source, called_at, preflight, begin, nnodes, here=address in (None, "local"))
    except BaseException:
        _take_back(folder)
        raise
    return run.wait() if wait else run


def _take_back(folder: RunFolder) -> None:
    """Nothing is left of a launch that was refused, or interrupted before anybody had the run in hand."""
    keeper = getattr(known.pop(str(folder.path), None), "_keeper", None)
    if keeper is not None and not keeper.ended.is_set():
        keeper.kill("the launch was interrupted")
        keeper.join(5.0)
    shutil.rmtree(folder.path, ignore_errors=True)


def _begin_with(engine: str, nnodes: int, rdzv: str | None, address: str | None) -> Begin | None:
    """What starts the ranks on another engine than ours.

    Raises:
        LaunchError: there is no such engine, or it was told what is another's.
    """
    if engine != "torchrun" and (nnodes != 1 or rdzv is not None):
        raise LaunchError("several nodes are for engine='torchrun'" + (": a cluster of Ray's has an address" if engine == "ray" else ""))
    if engine != "ray" and address is not None:
        raise LaunchError("an address is for engine='ray'")
    if engine == "torchrun":
        from nbdebug.training.beyond import torchrun

        torchrun.demand(nnodes, rdzv)
        return lambda run, plan, detach: torchrun.start(run, plan, nnodes, rdzv)
    if engine == "ray":
        from nbdebug.training.beyond import ray_train

        ray_train.demand(address)
        return lambda run, plan, detach: ray_train.start(run, plan, address, detach)
    if engine != "local":
        raise LaunchError(f"engine {engine!r} is not known: take 'local', 'torchrun' or 'ray'")
    return None


def _demand_count(num_processes: Any) -> None:
    if num_processes is not None and (isinstance(num_processes, bool) or not isinstance(num_processes, int) or num_processes < 1):
        raise LaunchError(f"num_processes must be a whole number from 1, got {num_processes!r}")


# -- what is to be done ---------------------------------------------------------------------------------------------


def _settled(job: Any, args: tuple[Any, ...], config: Any, told: dict[str, Any]) -> Job:
    """The job, its configuration resolved."""
    from nbdebug.training.config import read_config

    kind = _kind(job)
    if args and kind != FUNCTION:
        raise LaunchError(f"only a loop of your own, train(ctx, …), takes further arguments, and this is a {kind}")
    return Job(kind, job, read_config(config, **told).to_yaml(), args)


def _kind(job: Any) -> str:
    if isinstance(job, TrainingSetup):
        return SETUP
    if isinstance(job, nn.Module):
        raise LaunchError(f"launch trains a setup, not a model alone: nbdebug.launch(nbdebug.TrainingSetup(model={type(job).__name__}(…), …))")
    if not callable(job):
        raise LaunchError(f"launch takes a TrainingSetup, a function that makes one, or a train_fn(ctx); got {type(job).__name__}")
    try:
        names = list(inspect.signature(job).parameters)
    except (TypeError, ValueError):  # a callable of C
        names = []
    return FUNCTION if names and names[0] in CONTEXT_NAMES else FACTORY


def _job_of(source: attaching.Source | None) -> Job | None:
    """What the resumed run trained, when this kernel launched it; None when it is only in that run's folder."""
    if source is None:
        raise LaunchError("launch needs what is to be trained: nbdebug.launch(setup), or a function that makes one, or a train_fn(ctx)")
    run = known.get(str(source.folder.path)) if source.folder is not None else None
    if run is None or run.job is None:
        if source.folder is None or not any(source.folder.payload.iterdir()):
            raise LaunchError(f"what {source.path} was trained with is not there any more: launch(setup, resume=…)")
        return None
    return run.job


def _config(job: Job) -> Any:
    return _read(job.config)


@lru_cache(maxsize=4)
def _read(config: str) -> Any:
    """A configuration from its text; parsing takes some milliseconds, and a launch asks more than once."""
    from nbdebug.training.config import read_config

    return read_config(config)


# -- the run --------------------------------------------------------------------------------------------------------


def _prepared(
    job: Job, folder: RunFolder, source: attaching.Source | None, called_at: float, preflight: bool, begin: Begin | None, nnodes: int, here: bool
) -> Run:  # fmt: skip
    """A run that has begun to start.

    Args:
        begin: what starts it; None: our own engine.
        here: whether its ranks run on this machine.
    """
    from nbdebug.training import before, fitting, payload
    from nbdebug.training.local import server
    from nbdebug.training.local.plan import Plan
    from nbdebug.training.record import writing
    from nbdebug.training.record.writers import mlflow

    config = _config(job)
    mlflow.demand(config)
    plan = _plan(config, job, called_at, here)  # before anything is written
    if here:
        before.demand_precision(config, job, plan.devices[0].partition(":")[0])
    if job.kind == SETUP:
        fitting.demand_trainable(job.what, config, plan.world_size)  # type: ignore[arg-type]
        if source is not None:
            fitting.demand_same(job.what, config, source.path)  # type: ignore[arg-type]
    if begin is None and not config.launch.detach:
        server.ahead(plan.start_method, plan.imports)
    warned, note = before.demand_sound(job, config, plan.world_size) if preflight else ((), "")
    shipment = payload.write(folder, job)
    plan = Plan.of({**plan.plain(), "devices": plan.devices * nnodes, "digest": shipment.digest})
    folder.config.write_text(job.config)
    run = _started(Run(folder, job), plan, source, config.launch.detach, job.kind, config.name, begin, shipped=shipment.bytes, preflight=[to_plain(f) for f in warned], preflight_asked=preflight)
    for said in (*map(str, warned), note, *_edited(shipment)):
        if said:
            run.history.note(said)
    writing.write(folder, job, shipment)  # while the ranks start
    mlflow.start(run, config)
    return run


def _edited(shipment: Any) -> list[str]:
    """Of modules that this kernel has in an older state than the ranks will have."""
    names = [part.name for part in shipment.parts if part.kind.startswith("module, edited")]
    return [f"{name} was edited since this kernel imported it: the ranks run it as it is now, the kernel as it was (importlib.reload, or a new kernel)" for name in names]


def _again(source: attaching.Source, config: Any, told: dict[str, Any], runs_dir: Any, called_at: float, wait: bool, begin: Begin | None) -> Run:
    """The same once more, in a kernel that does not know what it was: what was shipped then is shipped again, unread."""
    from nbdebug.training.config import read_config
    from nbdebug.training.local.plan import Plan
    from nbdebug.training.record import writing
    from nbdebug.training.record.writers import mlflow

    assert source.folder is not None
    if config is not None or told:
        raise LaunchError("what the run was given is taken as it was, with its configuration: to change that, pass the setup too, launch(setup, resume=…, …)")
    before = source.folder.about()
    again = read_config(source.folder.config)
    mlflow.demand(again)
    folder = RunFolder.create(again.name, runs_dir or source.folder.path.parent)
    shutil.copytree(source.folder.payload, folder.payload, dirs_exist_ok=True, copy_function=attaching.linked)
    shutil.copyfile(source.folder.config, folder.config)
    plan = Plan.of({**before["plan"], "called_at": called_at})
    run = _started(Run(folder), plan, source, bool(before.get("detached")), str(before.get("kind")), again.name, begin)
    writing.write_again(folder, source.folder, str(before.get("kind")))
    mlflow.start(run, again)
    return run.wait() if wait else run


def _started(
    run: Run, plan: Any, source: attaching.Source | None, detach: bool, kind: str, name: str, begin: Begin | None = None, **facts: Any
) -> Run:  # fmt: skip
    from nbdebug.training import following

    folder = run.folder
    if source is not None:
        own = folder.checkpoints / source.path.name  # the old run may be deleted
        attaching.linked(source.path, own)
        facts.update(resume=str(own), resumed_from=str(source.path))
    folder.tell(
        id=folder.id, name=name, kind=kind, state="preparing", created=plan.called_at, plan=plan.plain(), detached=detach,
        keeper=following.keeper(), **facts,
    )  # fmt: skip
    if begin is not None:
        return begin(run, plan, detach)
    if detach:
        from nbdebug.training.local import detached

        detached.start(folder)
        return run.kept_by(following.Follower(folder, changed=run.changed))
    from nbdebug.training.local.engine import Engine

    keeper = Engine(folder, plan, changed=run.changed)
    run.kept_by(keeper)
    for refused in source.refused if source is not None else ():
        run.history.note(refused)
    keeper.start()
    return run


# -- where --------------------------------------------------------------------------------------------------------


def _plan(config: Any, job: Job, called_at: float, here: bool = True) -> Any:
    """Devices and backend, looked at before any process starts.

    Args:
        here: whether it is on this machine that they must be.

    Raises:
        LaunchError: there are not as many.
    """
    from nbdebug.training.local.plan import Plan
    from nbdebug.training.local.start import start_methods

    told = config.launch
    device = _device(told.device, job) if here or told.device == "auto" else told.device
    count = told.num_processes or (_gpus() if device == "cuda" else 1) or 1
    if here:
        _demand_room(count, device)
    if told.start_method not in ("auto", *start_methods()):
        raise LaunchError(f"start_method={told.start_method!r} does not exist on this system: take {' or '.join(start_methods())}")
    backend = ("nccl" if device == "cuda" else "gloo") if told.backend == "auto" else told.backend
    if backend == "nccl" and device != "cuda":
        raise ConfigError(f"backend 'nccl' is for GPUs, and this run is on {device}: take 'gloo', or leave it out")
    own = str(job.what.device) if job.kind == SETUP else ""  # type: ignore[union-attr]
    alone = count == 1 and own.startswith(f"{device}:")  # on the very GPU that the setup is on
    devices = (own,) if alone else tuple(f"{device}:{rank}" if device == "cuda" else device for rank in range(count))
    threads = told.threads or _threads_of_the_user() or max(1, (os.cpu_count() or 1) // count)
    return Plan(devices, backend, "", told.start_method, told.grace, told.restarts or 0, threads, told.timeout, called_at, METRICS if config.metrics else ())


def _threads_of_the_user() -> int | None:
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() and int(told) > 0 else None


def _device(told: str, job: Job) -> str:
    """The kind of device: what is said, where the setup lives, or the best there is."""
    import torch

    if told == "cuda" and not torch.cuda.is_available():
        raise LaunchError("device 'cuda' was asked for, and torch sees no GPU here")
    if told == "mps" and not torch.backends.mps.is_available():
        raise LaunchError("device 'mps' was asked for, and torch sees none here")
    if told != "auto":
        return told
    if job.kind == SETUP:
        return torch.device(job.what.device).type  # type: ignore[union-attr]
    return "cuda" if torch.cuda.is_available() else "cpu"


def _demand_room(count: int, device: str) -> None:
    if device == "cuda" and count > _gpus():
        raise LaunchError(f"{count} processes need {count} GPUs, and torch sees {_gpus()}: num_processes={_gpus()}, or device='cpu'")
    if device == "mps" and count > 1:
        raise LaunchError(f"{count} processes cannot share the one GPU of this machine: num_processes=1, or device='cpu'")
    cores = os.cpu_count() or 1
    most = max(ALWAYS_ALLOWED, MOST_PER_CORE * cores)
    if device == "cpu" and count > most:
        raise LaunchError(f"{count} processes on {cores} cores would only wait for each other: take at most {most}")


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()  # asks the driver; the kernel's own use of the GPU does not begin with it
