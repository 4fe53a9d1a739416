"""One seed for every source of randomness of a training."""

from __future__ import annotations

import os
import random

from nbdebug.errors import SetupError

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"  # cuBLAS reads it once, when CUDA starts; torch's page "Reproducibility" gives the value
WORKSPACE = ":4096:8"


def seed_everything(seed: int = 0, *, deterministic: bool = False) -> int:
    """Seeds Python, NumPy and torch on every device, and gives the seed back.

    Worker processes of a DataLoader draw their seeds from torch's, and so are seeded too. A generator of your own
    (`numpy.random.default_rng()`, `torch.Generator()`) is reached by nobody but you: seed it where it is built.
    `nbdebug.determinism(setup)` finds those that a training draws from.

    Args:
        seed: 0 to 2**32 - 1.
        deterministic: also ask torch for operators that give the same numbers each time, and for an error where one has no such
            form; on a GPU that costs speed. False leaves torch as it is.

    Raises:
        SetupError: the seed is not such a number, or CUDA runs already without the setting that cuBLAS needs.
    """
    import torch

    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise SetupError(f"a seed is a whole number from 0 to 2**32 - 1, got {seed!r}")
    if deterministic and torch.cuda.is_initialized() and CUBLAS not in os.environ:
        raise SetupError(f"CUDA runs already, and cuBLAS reads {CUBLAS} only when it starts: call seed_everything(deterministic=True) in the first cell")
    os.environ["PYTHONHASHSEED"] = str(seed)  # of processes that are started from here on; this one has its own since it began
    seed_generators(seed)
    if deterministic:
        os.environ.setdefault(CUBLAS, WORKSPACE)
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True)
    return seed


def seed_generators(seed: int) -> None:
    """The global random numbers of Python, NumPy and torch, and nothing else."""
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)  # the CPU and every accelerator


def seed_torch(seed: int) -> None:
    """The random numbers of torch, on the CPU and on the accelerator if that has begun.

    `torch.manual_seed` would leave something behind where it has not: the seed that it will begin with, and the text of the
    whole stack, which takes longer than a step of a small training.
    """
    import torch

    kind = torch.accelerator.current_accelerator()
    begun = getattr(torch.get_device_module(kind), "is_initialized", None) if kind is not None else None
    if kind is not None and (begun is None or begun()):
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
