"""The machine and the software that a run was made with."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import subprocess
import sys
from importlib import metadata
from typing import Any

import torch

PACKAGES = (  # that training code stands on
    "torch", "torchvision", "torchaudio", "numpy", "scipy", "pandas", "scikit-learn", "pillow", "transformers", "datasets", "tokenizers", "accelerate",
    "timm", "lightning", "pytorch-lightning", "torchmetrics", "albumentations", "opencv-python", "einops", "triton", "nbdebug",
)  # fmt: skip
VARIABLES = ("CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "PYTHONHASHSEED", "OMP_NUM_THREADS", "PYTORCH_CUDA_ALLOC_CONF", "TORCH_DETERMINISTIC")

SECONDS = 2.0  # for the driver's answer


def environment() -> dict[str, Any]:
    """Software, hardware, and the settings of both that change what a training computes."""
    return {"software": _software(), "hardware": _hardware(), "settings": _settings()}


def _software() -> dict[str, Any]:
    found: dict[str, Any] = {"python": platform.python_version(), "system": f"{platform.system()} {platform.release()}"}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    found["torch"] = torch.__version__  # with its build, +cu128 or +cpu
    return {name: version for name, version in {**found, "cuda": torch.version.cuda, "rocm": torch.version.hip}.items() if version is not None}


def _hardware() -> dict[str, Any]:
    import psutil

    found: dict[str, Any] = {"host": socket.gethostname(), "machine": platform.machine(), "cpu": _cpu(), "cores": os.cpu_count()}
    found["memory_gb"] = round(psutil.virtual_memory().total / 2**30, 1)
    found["gpus"] = _gpus()
    return found


def _cpu() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _gpus() -> list[str]:
    """Names and memory, asked of the driver: torch would begin to use each of them for that."""
    if not torch.cuda.is_available():
        return ["Apple GPU"] if torch.backends.mps.is_available() else []
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        asked = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
        said = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=True).stdout
        return [line.strip() for line in said.splitlines() if line.strip()]
    return [f"GPU {number}" for number in range(torch.cuda.device_count())]


def _settings() -> dict[str, Any]:
    found: dict[str, Any] = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    found["matmul_precision"] = torch.get_float32_matmul_precision()
    found["cudnn_benchmark"] = torch.backends.cudnn.benchmark
    found["deterministic"] = torch.are_deterministic_algorithms_enabled()
    found["default_dtype"] = str(torch.get_default_dtype()).removeprefix("torch.")
    found["interpreter"] = sys.executable
    return found
