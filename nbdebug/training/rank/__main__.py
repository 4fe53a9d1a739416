"""`torchrun … -m nbdebug.training.rank FOLDER`: a rank that torchrun started; its end is torchrun's."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from nbdebug.training.folder import RunFolder
from nbdebug.training.rank.entry import main
from nbdebug.training.rank.spec import RankSpec


def of_torchrun(folder: str) -> RankSpec:
    """The rank that this process is to be, on a GPU where there is one and the run was planned for it."""
    import torch

    spec, plan = RankSpec.of_torchrun(folder), RunFolder(Path(folder)).about().get("plan", {})
    gpus = torch.cuda.is_available() and not any(device == "cpu" for device in plan.get("devices", ()))
    device, backend = (f"cuda:{spec.local_rank}", plan.get("backend", "nccl")) if gpus else ("cpu", "gloo")
    return replace(spec, kernel_pid=os.getppid(), device=device, backend=backend, digest=str(plan.get("digest", "")), called_at=time.time())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: torchrun … -m nbdebug.training.rank FOLDER")
    main(of_torchrun(sys.argv[1]))
