"""How much Python a watched update runs: bytecodes, counted, which come out alike on the busiest machine.

    python benchmarks/watch_bytecodes.py

A small training (three linear layers, Adam, a loader, a validation after every epoch of 20 updates), bare and under `nbdebug.watch()`. Each update
counts from the end of the one before. What torch runs outside of Python is not counted, nor what a cold cache costs: beside seconds
this is what one change did, not what a user waits for.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug

EPOCHS, UPDATES = 10, 20


def main() -> None:
    bare, watched, kinds = both()
    print(f"torch {torch.__version__}, Python {sys.version.split()[0]}: bytecodes of an update, median; in brackets how many updates")
    print(f"{'bare':<44}{statistics.median(bare):>8.0f} ({len(bare)})")
    for kind, more in by_kind(bare, watched, kinds).items():
        print(f"{kind:<44}{statistics.median(more):>+8.0f} ({len(more)})")
    print(f"the whole loop in a bare one{sum(watched) / sum(bare):>24.2f}")


def both() -> tuple[list[int], list[int], list[str]]:
    """Bytecodes of each update bare and watched; and what watching did in it."""
    return (counted(contextlib.nullcontext())[0], *counted(nbdebug.watch(live=False)))


def by_kind(bare: list[int], watched: list[int], kinds: list[str]) -> dict[str, list[int]]:
    """What was done in an update → how many bytecodes more each of them took."""
    return {kind: [w - b for w, b, k in zip(watched, bare, kinds, strict=True) if k == kind] for kind in dict.fromkeys(kinds)}


def counted(watch: Any) -> tuple[list[int], list[str]]:
    """Bytecodes of each update; and what watching did in it."""
    counts, kinds, met = [0], [], [0, 0]

    def count(frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        counts[-1] += event == "opcode"
        return count

    def over(update: int) -> None:
        counts.append(0)
        if watched is not None:
            slept, looked = watched._by_heart.slept, watched._recorder.sampling
            first = " an epoch," if update % UPDATES == 0 and update else ""
            kinds.append(f"watched,{first} {'slept through' if slept > met[0] else 'heard'}{', looked at' if looked else ''}")
            met[0] = slept

    with watch as watched:
        before = sys.gettrace()
        sys.settrace(count)
        try:
            train(over)
        finally:
            sys.settrace(before)
    return counts[1:-1], kinds[1:]


def train(over: Callable[[int], None]) -> None:
    """`over` is told of every update."""
    torch.manual_seed(0)
    x = torch.randn(32 * UPDATES, 20)
    y = (x[:, 0] > 0).long()
    train_loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    val_loader = DataLoader(TensorDataset(x[:64], y[:64]), batch_size=32)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    for epoch in range(EPOCHS):
        model.train()
        for update, (inputs, targets) in enumerate(train_loader):
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            over(epoch * UPDATES + update)
        model.eval()
        with torch.no_grad():
            for inputs, targets in val_loader:
                criterion(model(inputs), targets).item()


if __name__ == "__main__":
    main()
