"""A rank's process from beginning to end: it tells, it listens, it fails with the reason, and it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil

from nbdebug.training.commands import wish
from nbdebug.training.events import command
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import FACTORY, Job
from nbdebug.training.rank import inbox, snapshot
from tests.training.payload.cells import cell
from tests.training.rank.conftest import gone
from tests.training.rank.ranks import ranks

TRAIN = """
import os, time, torch
from torch import nn

def train(ctx, steps=2000, pause=0.002):
    model = ctx.wrap(nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    print("rank", ctx.rank, "begins")
    for step in range(steps):
        x = torch.full((2, 3), float(ctx.rank + 1))
        ctx.live.batch = {"x": x, "name": "b", "odd": object()}
        optimizer.zero_grad()
        model(x).pow(2).mean().backward()
        optimizer.step()
        ctx.log(step, loss=1.0)
        time.sleep(pause)
        if ctx.should_stop():
            break
    return {"steps": step + 1, "weight": model.module.weight.sum() if ctx.world_size > 1 else model.weight.sum(), "rank": ctx.rank}
"""


WORKING = """
import time, torch
from torch.utils.data import DataLoader
def train(ctx):
    loader = iter(DataLoader(list(range(8)), num_workers=1))
    next(loader)
    ctx.note("here")
    time.sleep(0.3)
    STUCK
"""


def test_two_ranks_train_together_and_say_so(tmp_path):
    source = TRAIN + "def short(ctx):\n    result = train(ctx, 30, 0)\n    os.system('echo from a child')\n    return result\n"
    with cell(source) as main, ranks(tmp_path, main["short"]) as two:
        two.wait()
    kinds = [event["k"] for event in two.heard if event["r"] == 0 and event["k"] not in ("metric", "log", "beat")]
    assert kinds == ["hello", "loaded", "ready", "first_step", "done"]
    results = [event["result"] for event in two.of("done")]
    assert {result["rank"] for result in results} == {0, 1} and len({result["weight"] for result in results}) == 1
    assert {"torch", "torch._dynamo", "torch.nn.parallel.distributed"} <= set(two.of("hello")[0]["preloaded"])
    assert len(two.of("metric", 1)) == 30 and [one.process.exitcode for one in two.started] == [0, 0]
    assert two.folder.output(1).read_text() == "rank 1 begins\nfrom a child\n" == "".join(event["text"] for event in two.of("log", 1))
    assert [event["k"] for event in two.folder.said(0)] == [event["k"] for event in two.heard if event["r"] == 0]


def test_a_stop_is_obeyed_by_all_at_the_same_step(tmp_path):
    with cell(TRAIN) as main, ranks(tmp_path, main["train"]) as two:
        two.listen(lambda heard: len(heard.of("metric")) > 20)
        two.tell(k="stop", reason="enough")
        began = time.monotonic()
        two.wait()
    assert time.monotonic() - began < 5
    assert {event["reason"] for event in two.of("stopping")} == {"enough"}
    steps = {event["result"]["steps"] for event in two.of("done")}
    assert len(steps) == 1 and steps.pop() < 2000


def test_a_pause_holds_all_and_a_snapshot_can_be_taken_meanwhile(tmp_path):
    with cell(TRAIN) as main, ranks(tmp_path, main["train"]) as two:
        two.listen(lambda heard: len(heard.of("metric")) > 20)
        two.tell(k="pause")
        two.listen(lambda heard: {event["r"] for event in heard.of("beat") if event["phase"] == "paused"} == {0, 1})
        two.tell(k="snapshot", rank=1, token="abc")
        two.listen(lambda heard: heard.of("snapshot"))
        held = len(two.of("metric"))
        two.tell(k="resume")
        two.listen(lambda heard: len(heard.of("metric")) > held + 20)
        two.tell(k="stop")
        two.wait()
    (told,) = two.of("snapshot")
    taken = snapshot.read(two.folder.snapshots / "abc.pt")
    assert told["path"] == str(two.folder.snapshots / "abc.pt") and told["token"] == "abc" and taken["rank"] == 1 == told["r"]
    assert taken["model"]["weight"].shape == (1, 3) and taken["batch"]["x"].tolist() == [[2.0] * 3] * 2 and taken["batch"]["name"] == "b"
    assert taken["left_out"] == ["batch['odd'] (object)"] and "momentum_buffer" in taken["optimizers"][0]["state"][0]


def test_the_first_error_is_the_cause_and_the_others_are_secondary(tmp_path):
    with cell(
        TRAIN
        + """
def fails(ctx):
    model = ctx.wrap(nn.Linear(3, 1))
    for step in range(100):
        ctx.now.step = step
        model(torch.ones(2, 3)).sum().backward()
        if ctx.rank == 1 and step == 3:
            raise ValueError("the label 10 is not there")
""",
        number=5,
    ) as main, ranks(tmp_path, main["fails"]) as two:
        two.wait()
    (cause,) = two.of("error", 1)
    assert cause["etype"] == "ValueError" and cause["message"] == "the label 10 is not there" and not cause["secondary"] and cause["step"] == 3
    assert cause["line"] == 'Cell In[5], line 26: raise ValueError("the label 10 is not there")'
    assert 'File "Cell In[5]", line 26, in fails' in cause["traceback"] and "nbdebug/training" not in cause["traceback"]
    assert [event["secondary"] for event in two.of("error", 0)] == [True]
    assert [one.process.exitcode for one in two.started] == [1, 1] and "ValueError" in two.folder.output(1).read_text()


def test_an_error_in_a_worker_has_its_own_line(tmp_path):
    with cell(
        """
import torch
from torch.utils.data import DataLoader
def collate(items):
    raise KeyError("no such column")
def train(ctx):
    for batch in DataLoader(list(range(8)), num_workers=1, collate_fn=collate):
        pass
"""
    ) as main, ranks(tmp_path, main["train"], 1, meeting="") as one:
        one.wait()
    (told,) = one.of("error")
    assert told["etype"] == "KeyError" and told["line"] == 'Cell In[7], line 4: raise KeyError("no such column")'
    assert "no such column" in told["message"] and not told["secondary"]


def test_a_factory_builds_in_the_rank_and_what_it_raises_is_told(tmp_path):
    with (
        cell("def make(config):\n    raise RuntimeError(f'no data for seed {config.seed}')", number=3) as main,
        ranks(tmp_path, main["make"], 1, job=Job(FACTORY, main["make"], "seed: 4"), meeting="") as one,
    ):
        one.wait()
    (told,) = one.of("error")
    assert told["message"] == "no data for seed 4" and told["line"].startswith("Cell In[3], line 2") and not told["secondary"]


def test_a_payload_that_was_changed_is_not_run(tmp_path):
    with cell("def train(ctx):\n    pass") as main, ranks(tmp_path, main["train"], 1, digest="0" * 64, meeting="") as one:
        one.wait()
    (told,) = one.of("error")
    assert told["etype"] == "LaunchError" and "sha256 differs" in told["message"]


def test_a_rank_ignores_the_keyboard_and_shows_its_stacks(tmp_path):
    with cell("import time\ndef train(ctx):\n    ctx.note('here')\n    time.sleep(60)") as main, ranks(tmp_path, main["train"], 1, meeting="") as one:
        one.listen(lambda heard: heard.of("note"))
        os.kill(one.pids[0], signal.SIGINT)
        one.tell(k="stacks")
        one.listen(lambda heard: heard.of("stacks"))
        os.kill(one.pids[0], signal.SIGUSR1)
        one.listen(lambda heard: "Current thread" in heard.folder.output(0).read_text())
        assert one.started[0].process.is_alive()
    assert "time.sleep(60)" in one.of("stacks")[0]["text"]


def test_no_worker_outlives_a_rank_that_is_killed(tmp_path):
    with cell(WORKING.replace("STUCK", "time.sleep(60)")) as main, ranks(tmp_path, main["train"], 1, meeting="") as one:
        one.listen(lambda heard: heard.of("note"))
        (worker,) = psutil.Process(one.pids[0]).children(recursive=True)
        os.kill(one.pids[0], signal.SIGKILL)
        assert gone([worker.pid], 3.0) < 3.0  # by itself it looks every 5 s


def test_wishes_reach_a_rank_without_a_pipe(tmp_path):
    folder = RunFolder.create("test", tmp_path)
    wish(folder, command("checkpoint_now"))
    early, late = inbox.Inbox(), inbox.Inbox()
    inbox.look(early, folder, from_start=True)
    inbox.look(late, folder, from_start=False)
    wish(folder, command("stop", reason="enough"))
    end = time.monotonic() + 240
    while not (early.heard.stops and late.heard.stops) and time.monotonic() < end:
        time.sleep(0.01)
    assert early.heard.checkpoints == 1 and late.heard.checkpoints == 0 and early.heard.reason == late.heard.reason == "enough"


STUCK = {
    "asleep": "time.sleep(60)",
    "in C code that holds the GIL": "import ctypes; ctypes.PyDLL(None).sleep(60)",
    "in a collective": "ctx.barrier() if ctx.rank else time.sleep(60)",
}
KERNEL = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from nbdebug.training.rank import guard
guard.die_with_parent()  # the tests, which may be killed
from tests.training.payload.cells import cell
from tests.training.rank.ranks import ranks

with ExitStack() as stack:
    pids = []
    for number, (stuck, detached) in enumerate([*((stuck, False) for stuck in STUCK), ("time.sleep(2.5); ctx.note('still here')", True)]):
        train = stack.enter_context(cell(WORKING.replace("STUCK", stuck), number))["train"]
        told = {"meeting": "", "kernel_pid": 0} if detached else {}
        started = stack.enter_context(ranks(Path(sys.argv[1]) / str(number), train, 1 if detached else 2, **told))
        started.listen(lambda heard: len(heard.of("note")) == len(heard.started))
        pids += started.pids
    time.sleep(0.5)
    print(*pids, flush=True)
    time.sleep(60)
"""


def test_no_rank_outlives_its_kernel_unless_it_is_detached(tmp_path):
    """Not one that sleeps, nor one in C code, nor one that waits for another; nor their workers. The kernel is a process of its own here, and killed."""
    source = f"WORKING, STUCK = {WORKING!r}, {[*STUCK.values()]!r}\n{KERNEL}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    kernel = subprocess.Popen([sys.executable, "-c", source, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        *pids, detached = (int(pid) for pid in kernel.stdout.readline().split())
        workers = [process.pid for pid in pids for process in psutil.Process(pid).children(recursive=True)]
        assert len(pids) == len(workers) == 6
    finally:
        kernel.kill()
        kernel.wait()
    gone([pid for number, pid in enumerate(pids) if number not in (2, 3)], 2.0)  # those in C code need the server's end
    gone(pids + workers, 10.0)
    gone([detached], 30.0)
    (folder,) = (tmp_path / str(len(STUCK))).iterdir()
    said = [event["k"] for event in RunFolder(folder).said(0)]
    assert said.count("note") == 2 and said[-1] == "done"
