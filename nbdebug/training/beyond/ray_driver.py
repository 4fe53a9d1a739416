"""Ray's side of a run: the one process that imports Ray, and what it has each of Ray's workers do.

Run as a script, and without nbdebug: what is defined here travels to the workers by value, and they need not import torch to start a rank.

    ray_driver.py TOLD      TOLD: JSON, as `ray_keeper` writes it

A worker starts a rank in a process of its own, as torchrun does, and waits for it: the rank is what it is everywhere, and Ray's threads are not in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import traceback
from typing import Any

LOCAL = "local"  # as an address: a cluster for this run alone, on this machine
OUTPUT = "ray.log"  # in the run's folder: what Ray and the ranks print
EXITS = "ray-exits.jsonl"  # there too: how the processes of ranks ended
NOT_STARTED = 75  # exit code when there is no Ray; EX_TEMPFAIL of sysexits.h
STORE = 96 << 20  # bytes of Ray's own object store, which must have 75 MB; nothing of the run goes through it
SLOT = "rank"  # what a worker takes of a cluster that is ours alone: not its cores, for ranks may be more than those
RANK = "nbdebug.training.beyond.ray_rank"


def main(told: dict[str, Any]) -> int:
    """Trains once, with all ranks."""
    threading.Thread(target=_end_with_keeper, args=(told,), name="nbdebug-guard", daemon=True).start()
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    own = told["address"] == LOCAL
    try:
        if own:
            ray.init(
                LOCAL, include_dashboard=False, num_cpus=0, num_gpus=0, resources={SLOT: told["world_size"]}, object_store_memory=STORE,
                _temp_dir=told["temporary"], log_to_driver=False,
            )  # fmt: skip
        else:
            ray.init(told["address"])
    except Exception:
        traceback.print_exc()
        return NOT_STARTED
    trainer = TorchTrainer(
        _rank, train_loop_config=told, torch_config=_meeting(),
        scaling_config=ScalingConfig(num_workers=told["world_size"], use_gpu=told["gpus"] and not own, resources_per_worker={SLOT: 1} if own else None),
        run_config=RunConfig(name=told["run"], storage_path=told["temporary"], failure_config=FailureConfig(max_failures=0)),
    )  # fmt: skip
    try:
        trainer.fit()
    except ray.train.WorkerGroupError as error:
        for rank, failure in error.worker_failures.items():
            if isinstance(getattr(failure, "health_check_failure", failure), ray.exceptions.RayActorError):  # it is gone, and has taken its rank along
                _told_exit(told, rank, -9)
        raise
    if not own:
        ray.shutdown()
    return 0


def _meeting() -> Any:
    """What Ray Train prepares before the ranks: all GPUs of a node are seen by its ranks. They meet by themselves, without a group of Ray's workers."""
    from ray.train.backend import Backend, BackendConfig

    class Sharing(Backend):
        share_cuda_visible_devices = True

    class Meeting(BackendConfig):
        backend = "gloo"  # TorchTrainer asks; the ranks' own is in the plan
        backend_cls = Sharing

    return Meeting()


def _rank(told: dict[str, Any]) -> None:
    """In a worker of Ray's: one rank, from its start to its end."""
    from ray.train import get_context

    context = get_context()
    rank, local_rank = context.get_world_rank(), context.get_local_rank()
    environment = {"OMP_NUM_THREADS": str(told["threads"])}
    host, port = "", 0
    if not told["meeting"]:  # as under torchrun
        host, port = _common_place()
        environment |= {
            "RANK": rank, "WORLD_SIZE": told["world_size"], "LOCAL_RANK": local_rank, "LOCAL_WORLD_SIZE": context.get_local_world_size(),
            "MASTER_ADDR": host, "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": told["run"], "TORCHELASTIC_RESTART_COUNT": told["attempt"],
        }  # fmt: skip
    environment = {name: str(value) for name, value in environment.items()}
    spec = {
        "folder": told["folder"], "rank": rank, "world_size": told["world_size"], "local_rank": local_rank, "attempt": told["attempt"],
        "backend": told["backend"], "device": _device(told, rank), "meeting": told["meeting"], "store_host": host, "store_port": port, "kernel_pid": os.getpid(),
        "called_at": told["called_at"], "digest": told["digest"], "environment": environment,
    }  # fmt: skip
    cwd = told["cwd"] if os.path.isdir(told["cwd"]) else None
    command = [sys.executable, "-m", RANK, json.dumps(spec)]
    with open(os.path.join(told["folder"], OUTPUT), "ab") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    code = process.wait()
    _told_exit(told, rank, code)
    if code:
        raise RuntimeError(f"rank {rank} ended with exit code {code}; its events and its output are in {told['folder']}")


def _device(told: dict[str, Any], rank: int) -> str:
    """As planned; on a cluster of others the GPU that Ray has given to this worker."""
    if told["address"] == LOCAL or not told["gpus"]:
        return str(told["devices"][rank])
    import ray

    visible = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
    return f"cuda:{visible.index(str(ray.get_gpu_ids()[0]))}"


def _common_place() -> tuple[str, int]:
    """Where ranks on several nodes meet: with the first one, at a port that is free there."""
    import socket

    import ray
    from ray.train.collective import broadcast_from_rank_zero

    with socket.socket() as bound:
        bound.bind(("", 0))
        mine = (ray.util.get_node_ip_address(), bound.getsockname()[1])
    host, port = broadcast_from_rank_zero(mine)
    return host, port


def _told_exit(told: dict[str, Any], rank: int, code: int) -> None:
    line = json.dumps({"r": rank, "a": told["attempt"], "code": code}) + "\n"
    descriptor = os.open(os.path.join(told["folder"], EXITS), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def _end_with_keeper(told: dict[str, Any]) -> None:
    """The keeper holds the other end of standard input: when that is closed, it is gone, and all of Ray goes too."""
    while os.read(0, 1024):
        pass
    import psutil

    for process in psutil.Process().children(recursive=True):
        try:
            process.kill()
        except psutil.Error:
            continue
    if told["address"] == LOCAL:
        shutil.rmtree(told["temporary"], ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))  # modules of nbdebug beside this file are not to be found by their short names
    sys.exit(main(json.loads(sys.argv[1])))
