"""What cells define reaches the workers of a rank's DataLoaders, however they are started, and big data goes once."""

from __future__ import annotations

import re
from pathlib import Path

import psutil
import pytest
import torch

from nbdebug.training import payload
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import FUNCTION, Job
from tests.training.payload.cells import cell
from tests.training.rank.ranks import ranks

CELL = """
from dataclasses import dataclass
import torch
from torch.utils.data import DataLoader, Dataset

@dataclass
class Batch:
    x: torch.Tensor

class Rows(Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, row):
        return row_of(row)

OFFSET = 3

def row_of(row):
    return torch.full((2,), float(row + OFFSET))

collate = lambda items: Batch(torch.stack(items))
rows = Rows()

def broken(items):
    raise ValueError("in collate")

def train(ctx, how):
    loader = DataLoader(rows, batch_size=4, num_workers=2 if how == "fork" else 1, multiprocessing_context=how, collate_fn=collate)
    batches = list(loader)
    assert all(type(batch) is Batch for batch in batches)
    return sum(batch.x.sum().item() for batch in batches)

def fails(ctx, how):
    list(DataLoader(rows, batch_size=4, num_workers=1, multiprocessing_context=how, collate_fn=broken))
"""


@pytest.mark.parametrize(("method", "how"), [("forkserver", "fork"), ("forkserver", "spawn"), ("forkserver", "forkserver"), ("spawn", "fork")])
def test_a_batch_of_a_class_from_a_cell_comes_out_of_any_worker(tmp_path, method, how):
    with cell(CELL) as main:
        job = Job(FUNCTION, main["train"], "seed: 0", (how,))
        with ranks(tmp_path, main["train"], 1, method=method, job=job, meeting="") as one:
            one.wait(240)
    assert [event["result"] for event in one.of("done")] == [2 * sum(range(3, 11))], one.of("error")


def test_an_error_in_a_spawned_worker_has_the_cells_line(tmp_path):
    with cell(CELL, number=9) as main:
        job = Job(FUNCTION, main["fails"], "seed: 0", ("spawn",))
        with ranks(tmp_path, main["fails"], 1, job=job, meeting="") as one:
            one.wait(240)
    (told,) = one.of("error")
    assert told["line"] == 'Cell In[9], line 24: raise ValueError("in collate")' and 'raise ValueError("in collate")' in told["traceback"]


def test_big_data_goes_once_and_is_mapped(tmp_path):
    source = """
import psutil
def train(ctx, data, array):
    total = float(data.sum()) + float(array.sum())
    ctx.barrier()
    return [total, psutil.Process().memory_full_info().uss >> 20]
"""
    data = torch.ones(25 << 20)  # 100 MB
    array = torch.ones(25 << 20).numpy()
    with cell(source) as main:
        job = Job(FUNCTION, main["train"], "seed: 0", (data, array))
        before = psutil.Process().memory_info().rss
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        payload.write(RunFolder.create("test", tmp_path), job)
        peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) << 10
        with ranks(tmp_path, main["train"], 2, job=job) as two:
            two.wait()
    results = [event["result"] for event in two.of("done")]
    assert [total for total, _ in results] == [float(50 << 20)] * 2 and max(private for _, private in results) < 50
    assert peak - before < 50 << 20
