"""Seconds that `import nbdebug` and `%load_ext nbdebug` add to `import torch`, each in a fresh Python.

    python benchmarks/imports.py --runs 7

The median of the runs, beside the bound we hold ourselves to. The three are run in turn, so that a machine that
slows down slows all of them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

# IPython is there before a user can type %load_ext, so it counts for nothing
TORCH = "import torch, IPython\nfrom IPython.core.interactiveshell import InteractiveShell as S\nshell = S.instance()"
STEPS = {
    "import torch": "import torch",
    "import nbdebug over it": "import nbdebug",
    "%load_ext nbdebug over it": "shell.run_line_magic('load_ext', 'nbdebug')",
}
BOUNDS = {"import nbdebug over it": 0.15, "%load_ext nbdebug over it": 0.30}


def seconds(step: str) -> float:
    """How long a step takes in a fresh Python that has done what comes before it."""
    before = "" if step == "import torch" else TORCH
    code = f"import time\n{before}\nstart = time.perf_counter()\n{STEPS[step]}\nprint(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    for step in STEPS:
        seconds(step)  # once for nothing: the files come from the disk, and are compiled
    taken: dict[str, list[float]] = {step: [] for step in STEPS}
    for _ in range(runs):
        for step in STEPS:
            taken[step].append(seconds(step))
    torch = statistics.median(taken["import torch"])
    print(f"{'':28}{'median':>9}{'least':>9}{'most':>9}{'of torch':>10}{'bound':>9}   ({runs} runs)")
    for step, times in taken.items():
        middle, bound = statistics.median(times), BOUNDS.get(step)
        within = "" if bound is None else f"{bound:7.2f} s" + ("" if middle <= bound else "  exceeded")
        print(f"{step:28}{middle:7.2f} s{min(times):7.2f} s{max(times):7.2f} s{middle / torch:9.1%}{within}")


if __name__ == "__main__":
    main()
