"""What stands in an exported folder for people and for schedulers."""

from __future__ import annotations

import shlex

PORT = 29400  # torchrun's own choice for a meeting point
RESTARTS = 3  # of all ranks together, when one dies; our choice

MAIN = '''"""One rank of the run in this folder; torchrun starts as many as there are to be."""

import sys
from pathlib import Path

from nbdebug.training.rank.by_torchrun import train

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent
    sys.path.append(str(folder / "sources"))  # the user's own modules, where they are not installed
    train(folder)
'''

README = """# {name}

A training, ready to run: `payload/` holds model, data and loop as they were in the notebook, `config.yaml` how it trains, `sources/` the text
that it was made of. Wanted are Python {python} with torch {torch} and nbdebug {nbdebug}, and for several nodes a file system that all of them see.

On this machine, {processes} processes:

    {alone}

On {nodes} nodes, the same on each, with the name of the first one for HOST:

    {several}

Under SLURM:

    sbatch submit.slurm

All of them go on from the newest checkpoint in `checkpoints/`: after a node was lost, and when they are called again. `nbdebug.attach("{folder}")`
shows the run while it goes on, and afterwards. `payload/` runs code when it is read: give it away only together with the code.
"""

SLURM = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --nodes={nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task={cpus}
{gpus}#SBATCH --output=slurm-%j.log
#SBATCH --requeue

# SLURM may run a copy of this file: the folder is where sbatch was called
cd "${{SLURM_SUBMIT_DIR:-.}}"
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun torchrun --nnodes="$SLURM_NNODES" --nproc-per-node={processes} --max-restarts={restarts} \\
    --rdzv-backend=c10d --rdzv-id="$SLURM_JOB_ID" --rdzv-endpoint="$head:$((20000 + SLURM_JOB_ID % 10000))" main.py
"""


def torchrun(processes: int, nodes: int = 1, rdzv: str | None = None, *, id: str = "", restarts: int = RESTARTS) -> list[str]:
    """The arguments of torchrun, before the script.

    Args:
        nodes: that take part; one alone needs no meeting point.
        rdzv: "host:port" where they meet.
        id: by which agents know that they belong together.
    """
    counts = [f"--nproc-per-node={processes}", f"--max-restarts={restarts}"]
    if nodes == 1 and rdzv is None:
        return ["--standalone", *counts]
    return [f"--nnodes={nodes}", *counts, "--rdzv-backend=c10d", f"--rdzv-id={id}", f"--rdzv-endpoint={rdzv or f'HOST:{PORT}'}"]


def command(*arguments: str) -> str:
    """As one types it."""
    return shlex.join(["torchrun", *arguments, "main.py"])
