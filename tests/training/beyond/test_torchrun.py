"""The same run under torchrun: from an exported folder, by `engine="torchrun"`, under SLURM's commands, and started again after a death."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time

import psutil
import pytest
import torch

import nbdebug
from nbdebug.errors import LaunchError, RankFailed
from tests.training.conftest import wait_for
from tests.training.run import odd_trainings, trainings
from tests.training.run.notebook import seconds_until_gone

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


def state_of(path):
    return json.loads((path / "run.json").read_text())["state"]


def same(path, model):
    weights = torch.load(path, weights_only=True)
    return weights.keys() == model.state_dict().keys() and all(torch.equal(weights[name], value) for name, value in model.state_dict().items())


def test_an_exported_run_gives_the_same_weights_by_the_commands_that_slurm_is_given(tmp_path):
    setup = trainings.setup()
    run = nbdebug.launch(setup, epochs=2, num_processes=2, runs_dir=tmp_path / "runs", name="two words", wait=True)
    folder = run.export(tmp_path / "exported", nodes=1)
    assert {"main.py", "README.md", "submit.slurm", "config.yaml", "payload", "sources"} <= {path.name for path in folder.iterdir()}
    assert not stat.S_IMODE((folder / "payload" / "job.pt").stat().st_mode) & 0o077
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("srun", 'exec "$@"'), ("scontrol", "echo localhost"), ("torchrun", f'exec {sys.executable} -m torch.distributed.run "$@"')):
        (commands / name).write_text(f"#!/bin/bash\n{text}\n")
        (commands / name).chmod(0o700)
    told = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "localhost", "SLURM_NNODES": "1", "SLURM_SUBMIT_DIR": str(folder)}
    called = {**environment(), **told, "PATH": f"{commands}:{os.environ['PATH']}", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(["bash", folder / "submit.slurm"], env=called, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "#SBATCH --job-name=two-words" in (folder / "submit.slurm").read_text()
    assert same(folder / "weights.pt", run.model)
    again = nbdebug.attach(folder)
    assert again.state == "done" and len(again.ranks) == 2 and again.metrics.equals(run.metrics)
    with pytest.raises(LaunchError, match="is not empty"):
        run.export(folder)


def test_the_engine_trains_stops_and_says_what_failed(tmp_path):
    run = nbdebug.launch(trainings.setup(), epochs=1, engine="torchrun", runs_dir=tmp_path, wait=True)
    assert run.state == "done" and same(run.folder.weights, run.model)
    endless = nbdebug.launch(trainings.setup(), epochs=100_000, num_processes=2, engine="torchrun", runs_dir=tmp_path)
    wait_for(lambda: endless.step or endless.ended)
    endless.stop("enough")
    endless.wait(240)
    assert endless.state == "interrupted" and endless.trouble == "enough"
    with pytest.raises(RankFailed, match="rank 0 raised ValueError at step 1: bad sample 7"):
        nbdebug.launch(odd_trainings.raises, engine="torchrun", runs_dir=tmp_path, wait=True)
    killed = nbdebug.launch(trainings.setup(), epochs=100_000, num_processes=2, engine="torchrun", runs_dir=tmp_path)
    killed.kill()
    killed.wait(240)
    assert killed.state == "interrupted"


def test_no_rank_outlives_its_agent(tmp_path):
    run = nbdebug.launch(trainings.steps, 10**7, engine="torchrun", runs_dir=tmp_path)
    wait_for(lambda: run.step or run.ended)
    ranks = [psutil.Process(rank.pid) for rank in run.ranks]
    os.kill(run._keeper._process.pid, signal.SIGKILL)
    assert seconds_until_gone(ranks, 20) < 10.0
    with pytest.raises(RankFailed, match="torchrun ended with exit code -9"):
        run.wait(240)


def test_ranks_begin_again_at_the_last_checkpoint(tmp_path):
    plain = nbdebug.launch(trainings.setup(), epochs=40, num_processes=2, runs_dir=tmp_path / "runs", config={"checkpoint": {"every_steps": 5}}, wait=True)
    folder = plain.export(tmp_path / "exported")
    call = [*TORCHRUN, "--standalone", "--nproc-per-node=2", "--max-restarts=2", "main.py"]
    with subprocess.Popen(call, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
        while not list((folder / "checkpoints").glob("step-*.pt")):
            assert agent.poll() is None
            time.sleep(0.02)
        os.kill(json.loads((folder / "events-rank1.jsonl").read_text().splitlines()[0])["pid"], signal.SIGKILL)
        assert agent.wait(240) == 0
    begun = [json.loads(line) for line in (folder / "events-rank0.jsonl").read_text().splitlines()]
    assert max(event["a"] for event in begun) == 1 and min(event["step"] for event in begun if event["k"] == "metric" and event["a"] == 1) > 1
    assert same(folder / "weights.pt", plain.model) and state_of(folder) == "done"


@pytest.mark.parametrize(
    ("told", "words"), [({"nnodes": 0}, "from 1"), ({"nnodes": 2}, "a place to meet"), ({"engine": "local", "nnodes": 2}, "engine='torchrun'"), ({"engine": "warp"}, "warp")]
)
def test_what_cannot_be_meant_is_said(tmp_path, told, words):
    with pytest.raises(LaunchError, match=words):
        nbdebug.launch(trainings.setup(), runs_dir=tmp_path, **{"engine": "torchrun", **told})
    assert not list(tmp_path.iterdir())
