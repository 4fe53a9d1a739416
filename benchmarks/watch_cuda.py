"""The same as `watch.py` on a GPU.

    python benchmarks/watch_cuda.py --rounds 12

Without CUDA it says so and ends.
"""

from __future__ import annotations

import argparse

import torch
from _watch_tools import OURS, PEERS
from watch import measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a block of bare steps")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device: nothing to measure")
        return
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}, {arguments.rounds} rounds at most")
    measure("cuda", [*OURS, *PEERS], arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
