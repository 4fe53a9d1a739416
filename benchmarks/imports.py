"""Seconds that `import nbdebug` and `%load_ext nbdebug` add to `import torch`, each in a fresh Python.

    python benchmarks/imports.py --runs 7

The median of the runs, beside the bound we hold ourselves to. The steps are run in turn, so that a machine that slows
down slows all of them. *Compiled* is what pip leaves and what a second start finds; the last line is a first start from
a checkout, where Python compiles every file (or every start, where PYTHONDONTWRITEBYTECODE is set).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

TORCH, NBDEBUG = "import torch", "import nbdebug, compiled"
LOAD_EXT, UNCOMPILED = "%load_ext nbdebug, compiled", "import nbdebug, not compiled"
# IPython is there before a user can type %load_ext, so it counts for nothing
BEFORE = "import torch, IPython\nfrom IPython.core.interactiveshell import InteractiveShell as S\nshell = S.instance()"
STEPS = {
    TORCH: ("", "import torch"),
    NBDEBUG: (BEFORE, "import nbdebug"),
    LOAD_EXT: (BEFORE, "shell.run_line_magic('load_ext', 'nbdebug')"),
    UNCOMPILED: (f"{BEFORE}\nimport sys\nsys.pycache_prefix = '/nowhere'\nsys.dont_write_bytecode = True", "import nbdebug"),
}
BOUNDS = {NBDEBUG: 0.15, LOAD_EXT: 0.30}  # seconds


def seconds(step: str, cache: str) -> float:
    """How long a step takes in a fresh Python that has done what comes before it."""
    before, timed = STEPS[step]
    code = f"import time\n{before}\nstart = time.perf_counter()\n{timed}\nprint(time.perf_counter() - start)"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPYCACHEPREFIX": cache}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    taken: dict[str, list[float]] = {step: [] for step in STEPS}
    with tempfile.TemporaryDirectory() as cache:
        for step in STEPS:
            seconds(step, cache)  # once for nothing: the files come from the disk, and are compiled
        for _ in range(runs):
            for step in STEPS:
                taken[step].append(seconds(step, cache))
    torch = statistics.median(taken[TORCH])
    print(f"{'':30}{'median':>9}{'least':>9}{'most':>9}{'of torch':>10}{'bound':>9}   ({runs} runs)")
    for step, times in taken.items():
        middle, bound = statistics.median(times), BOUNDS.get(step)
        within = "" if bound is None else f"{bound:7.2f} s" + ("" if middle <= bound else "  EXCEEDED")
        print(f"{step:30}{middle:7.2f} s{min(times):7.2f} s{max(times):7.2f} s{middle / torch:10.1%}{within}")


if __name__ == "__main__":
    main()
