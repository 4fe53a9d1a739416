"""A run on a GPU, from a kernel that has used it: fp16 with GradScaler over nccl, and the weights back.

    python benchmarks/cuda_run.py

Says so and ends where there is no GPU. Each line is something that was promised, and what was seen.
"""

from __future__ import annotations

import tempfile
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug import TrainingSetup

STEPS = 200


def setup() -> TrainingSetup:
    torch.manual_seed(0)
    inputs = torch.randn(4096, 256)
    data = TensorDataset(inputs, inputs[:, :10].argmax(1))
    model = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 10)).cuda()
    return TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters(), 1e-3), DataLoader(data, 64, shuffle=True))


def backend(context: object) -> dict[str, object]:
    """In a rank: what it talks by, and whether it sees what the kernel holds."""
    import torch.distributed as dist

    total = torch.ones(1, device="cuda")
    dist.all_reduce(total)
    return {"backend": dist.get_backend(), "sum": total.item(), "allocated": torch.cuda.memory_allocated()}


def main() -> None:
    if not torch.cuda.is_available():
        print("no CUDA device: nothing to measure")
        return
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}")
    one = setup()
    held = (torch.randn(4096, 4096, device="cuda") @ torch.randn(4096, 4096, device="cuda")).sum().item()  # CUDA is initialised, and busy
    places = [parameter.data_ptr() for parameter in one.model.parameters()]
    with tempfile.TemporaryDirectory() as runs:
        told = nbdebug.launch(backend, num_processes=1, device="cuda", backend="nccl", runs_dir=runs, wait=True).result
        print(f"after CUDA was initialised in the kernel (checksum {held:.3g}): backend {told['backend']}, all-reduce of ones {told['sum']}")
        for precision in ("16-mixed", "bf16-mixed", "32-true"):
            begun = time.perf_counter()
            run = nbdebug.launch(one, max_steps=STEPS, precision=precision, num_processes=1, device="cuda", backend="nccl", runs_dir=runs, wait=True)
            seconds = time.perf_counter() - begun
            losses = run.metrics["loss"].dropna()
            first = max(float(event["seconds"]) for event in run.events("first_step"))
            scale = f", loss scale {run.metrics['loss_scale'].dropna().iloc[-1]:g}" if "loss_scale" in run.metrics else ""
            saved = torch.load(run.folder.weights, weights_only=True, map_location="cuda")
            back = all(torch.equal(saved[name], value) for name, value in run.model.state_dict().items())
            kept = places == [parameter.data_ptr() for parameter in run.model.parameters()]
            print(
                f"{precision:11}{run.state}, first step after {first:.2f} s, {STEPS} steps in {seconds:.2f} s, loss {losses.iloc[0]:.3f} → {losses.iloc[-1]:.3f}"
                f"{scale}; weights bit for bit {back}, in the same memory {kept}"
            )


if __name__ == "__main__":
    main()
