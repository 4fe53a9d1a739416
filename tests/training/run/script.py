"""A user's script as it comes: no `if __name__ == "__main__"`, a machine whose name leads nowhere, thirty runs. It says what it saw.

    python script.py DIRECTORY
"""

import ctypes
import json
import multiprocessing
import os
import re
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug

directory = Path(sys.argv[1])
with (directory / "executed").open("a") as file:
    file.write("once ")
CLONE_NEWUTS = 0x04000000  # linux/sched.h
nowhere = ctypes.CDLL(None).unshare(CLONE_NEWUTS) == 0  # else this user may not
if nowhere:
    socket.sethostname("no-such-host.invalid")
torch.set_num_threads(1)
RUNS = 30
AT_ONCE = ("stopped", "raises", "done", "done", "done")


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(1 << 10, 2)

    def forward(self, x):
        return self.head(x)


def train(ctx, how):
    model = ctx.wrap(nn.Linear(4, 2))
    for step in range(1, 3 if how in ("done", "spawns") else 10**7):
        model(torch.randn(8, 4)).sum().backward()
        ctx.log(step=step, loss=0.0)
        if how == "raises":
            raise ValueError("bad sample 7")
        if ctx.should_stop():
            break
    batches = DataLoader(TensorDataset(torch.ones(4)), batch_size=2, num_workers=1, multiprocessing_context="spawn") if how == "spawns" else ()
    return len(list(batches))


def listening(*pids):
    connections = [c for pid in (os.getpid(), *pids) for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    return sorted({c.laddr.ip for c in connections})


def waited_for(true, seconds=240):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.005)


def big_data():
    """200 MB of the kernel's, and what it cost there and in each rank."""
    data, model = torch.ones(51200, 1 << 10), Wide()
    loader = DataLoader(TensorDataset(data, torch.zeros(51200, dtype=torch.long)), batch_size=512)
    setup = nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.0), loader)
    before = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    run = nbdebug.launch(setup, num_processes=2, epochs=10**6)
    waited_for(lambda: run.epoch >= 1 or run.ended)  # each rank has read its half
    private = [psutil.Process(rank.pid).memory_full_info().uss for rank in run.ranks]
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) << 10
    run.kill()
    run.wait()
    return {"peak": peak - before, "private": private}


def together():
    """Five at once: one is stopped, one raises, the others end by themselves."""
    runs = [nbdebug.launch(train, how, num_processes=2, name="together") for how in AT_ONCE]
    waited_for(lambda: runs[0].step > 0)
    heard = listening(*(rank.pid for rank in runs[0].ranks))
    runs[0].stop("enough")
    for run in runs:
        run._keeper.ended.wait(240)
        run._keeper.join(10)
    return [run.state for run in runs], heard


def state():
    main = sys.modules["__main__"]
    return {
        "signals": [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1)], "mask": list(map(str, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
        "environment": dict(os.environ), "directory": os.getcwd(), "path": list(sys.path), "method": multiprocessing.get_start_method(allow_none=True),
        "main": {name: str(vars(main).get(name)) for name in ("__file__", "__spec__", "__name__")}, "names": sorted(vars(main)),
        "threads": sorted(t.name for t in threading.enumerate()), "tasks": len(os.listdir("/proc/self/task")), "fds": sorted(map(what, os.listdir("/proc/self/fd"))),
        "children": sorted(p.pid for p in psutil.Process().children(recursive=True)), "torch": torch.get_num_threads(), "random": torch.initial_seed(),
        "listening": listening(), "here": sorted(os.listdir()), "temporary": sorted(p for p in os.listdir(tempfile.gettempdir()) if p.startswith("nbdebug")),
    }  # fmt: skip


def settled():
    """The state, when nothing changes any more: a thread of the system's may take a moment to go."""
    until, last = time.monotonic() + 10, state()
    while time.monotonic() < until:
        time.sleep(0.2)
        if (now := state()) == last and now["tasks"] == len(now["threads"]):
            break
        last = now
    return last


def what(descriptor):
    try:
        return re.sub(r"\d+", "", os.readlink(f"/proc/self/fd/{descriptor}"))
    except OSError:  # the one by which the list was read
        return ""


def thirty():
    """What differs afterwards, and how the runs have ended."""
    before, memory = settled(), psutil.Process().memory_info().rss
    ended = [together() for _ in range(RUNS // len(AT_ONCE))]
    after = settled()
    return {
        "states": [state for states, _ in ended for state in states], "heard": sorted({ip for _, heard in ended for ip in heard}),
        "grown": psutil.Process().memory_info().rss - memory, "differs": {name: (before[name], after[name]) for name in before if before[name] != after[name]},
    }  # fmt: skip


seen = {"nowhere": nowhere, "hostname": socket.gethostname()}
seen["spawned"] = nbdebug.launch(train, "spawns", num_processes=1).wait(240).result  # its worker would run this file again
together()
seen |= {**thirty(), "data": big_data()}
(directory / "seen.json").write_text(json.dumps(seen))
