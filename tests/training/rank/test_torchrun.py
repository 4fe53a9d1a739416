"""The same folder, the same function, under torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from nbdebug.training import payload
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import FUNCTION, Job
from tests.training.payload.cells import cell
from tests.training.rank.ranks import ranks
from tests.training.rank.test_entry import TRAIN


def test_the_same_function_gives_the_same_weights(tmp_path):
    with cell(TRAIN + "def short(ctx):\n    return train(ctx, 20, 0)\n") as main:
        with ranks(tmp_path, main["short"]) as two:
            two.wait()
        folder = RunFolder.create("test", tmp_path)
        shipment = payload.write(folder, Job(FUNCTION, main["short"], "seed: 0"))
    folder.tell(plan={"digest": shipment.digest, "devices": ["cpu", "cpu"]})
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "nbdebug.training.rank", str(folder.path)]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    weights = [event["result"]["weight"] for rank in range(2) for event in folder.said(rank) if event["k"] == "done"]
    assert weights == [event["result"]["weight"] for event in two.of("done")] and len(weights) == 2
    assert "rank 1 begins" in done.stderr and json.loads(folder.events(0).read_text().splitlines()[0])["k"] == "hello"
