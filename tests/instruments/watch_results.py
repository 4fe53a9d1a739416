"""Watched trainings made by hand, as a session would have seen them: sound, sick, long, deep, and nearly empty."""

from __future__ import annotations

import math
import random

from nbdebug.findings import Location
from nbdebug.instruments.watch.result import (
    Cycle,
    Event,
    Group,
    Loader,
    Model,
    Optimizer,
    TensorTrack,
    Track,
    Units,
    WatchResult,
)
from nbdebug.tensor_stats import BIN_LABELS, LOWEST

COLUMNS = len(BIN_LABELS) + 2


def line(number: int) -> Location:
    return Location(cell=4, line=number)


def track(name: str, values: list[float], every: int = 1, *, spread: float = 0.0) -> Track:
    """A curve; with `spread` each of its points stands for several."""
    steps = tuple(range(0, len(values) * every, every))
    return Track(name, steps, tuple(values), tuple(v * (1 - spread) for v in values), tuple(v * (1 + spread) for v in values))


def tensor(
    name: str, what: str, sizes: list[float], *, every: int = 1, kind: str = "", elements: int = 4096, bad: dict[int, int] | None = None
) -> TensorTrack:
    """A tensor of these rms values, its magnitudes spread over a few powers of two about them; `bad`: index → NaN."""
    looked = min(512, elements)
    nan = tuple((bad or {}).get(i, 0) for i in range(len(sizes)))
    return TensorTrack(
        name, what, kind, elements, tuple(range(0, len(sizes) * every, every)), tuple(sizes),
        mean=tuple(0.1 * s for s in sizes), std=tuple(sizes), low=tuple(-3 * s for s in sizes), high=tuple(3 * s for s in sizes),
        nan=nan, positive_inf=(0,) * len(sizes), negative_inf=(0,) * len(sizes), looked_at=(looked,) * len(sizes),
        counts=tuple(_bell(s, 0 if n == elements else looked) for s, n in zip(sizes, nan, strict=True)),
    )  # fmt: skip


def _bell(size: float, total: int) -> tuple[int, ...]:
    counts = [0] * COLUMNS
    if size <= 0 or not math.isfinite(size):
        counts[0] = total
        return tuple(counts)
    middle = min(COLUMNS - 1, max(2, 3 + math.floor(math.log2(size)) - LOWEST))
    for offset, share in ((-3, 0.06), (-2, 0.12), (-1, 0.3), (0, 0.36), (1, 0.12)):
        counts[min(COLUMNS - 1, max(2, middle + offset))] += int(share * total)
    counts[0] = total - sum(counts)
    return tuple(counts)


def loop(steps: int) -> tuple[Cycle, ...]:
    """zero_grad, forward, loss, backward, step; and a validation after the last."""
    usual = (
        Event("batch", "train_loader", line(3)),
        Event("zero", "optimizer", line(4), {"threw": "", "of": "optimizer"}),
        Event("forward", "model", line(5), {"training": True, "grad": True, "autocast": "", "loader": "train_loader"}),
        Event("loss", "cross_entropy", line(5), {"grad": True, "training": True}),
        Event("backward", "", line(6), {"reached": "optimizer", "onto": ""}),
        Event("step", "optimizer", line(7), {"gradients": "some", "stale": False, "skipped": False}),
    )
    validation = (
        Event("mode", "model", line(9), {"training": False}),
        Event("epoch", "val_loader", line(11)),
        Event("batch", "val_loader", line(11), {}, 7),
        Event("forward", "model", line(12), {"training": False, "grad": False}, 7),
    )
    if steps < 3:
        return (Cycle(usual, 0, steps - 1, steps),)
    return Cycle(usual, 0, steps - 2, steps - 1), Cycle(usual + validation, steps - 1, steps - 1, 1)


def run(
    layers: list[str], steps: int, *, every: int = 1, bad: dict[int, int] | None = None, fading: float = 1.0, spread: float = 0.0
) -> WatchResult:
    """A training over `steps` updates; `fading` is by how much the gradient of each layer is smaller than of the next."""
    draw = random.Random(0)
    seen = range(0, steps, every)
    noise = [math.exp(draw.gauss(0, 0.08)) for _ in seen]
    tensors = []
    for i, name in enumerate(layers):
        back = fading ** (len(layers) - 1 - i)
        sound = [0.8 * n for n in noise]
        tensors += [
            tensor(name, "activation", sound, every=every, kind="Linear", bad=bad if i == len(layers) // 2 else None),
            tensor(name, "activation gradient", [1e-3 * back * n for n in noise], every=every, kind="Linear"),
            tensor(f"{name}.weight", "weight", [0.05] * len(noise), every=every),
            tensor(f"{name}.weight", "gradient", [2e-3 * back * n for n in noise], every=every),
            tensor(f"{name}.weight", "update", [5e-5 * n for n in noise], every=every),
        ]
    losses = [2.3 * math.exp(-4 * s / max(1, steps)) * math.exp(draw.gauss(0, 0.05)) for s in range(steps)]
    tracks = {
        "loss": track("loss", losses, spread=spread),
        "validation loss": track("validation loss", [2.2, 1.4, 0.9, 0.7][: 1 + steps // 50], 50),
        "learning rate": track("learning rate", [1e-3] * steps),
        "gradient norm": track("gradient norm", [0.3 * n for n in noise], every),
        "seconds": track("seconds", [0.012] * steps),
        "data wait": track("data wait", [0.08] * steps),
        "memory": track("memory", [410.0] * len(noise), every),
    }
    return WatchResult(
        steps, every, 1.2, 0.04, loop(steps),
        (Model("model", "Net", 123_456, ("2 (Dropout)",), {"2": 0.1}, steps, "float32"),),
        (Optimizer("optimizer", "AdamW", True, True, (Group(1e-3, 0.01, 1e-8, 0.9, tuple(f"{n}.weight" for n in layers)),), steps, 0),),
        loaders=(Loader("train_loader", 48, 32, {"32": steps}, 4, line(2), True),),
        tracks=tracks, tensors=tuple(tensors),
        units=tuple(Units(f"{n}.act", "ReLU", 64, 3 * (i % 2), 0, 4096, (1, 5, 9), -1, True) for i, n in enumerate(layers[:20])),
    )  # fmt: skip


CNN = run([f"features.{i}" for i in range(8)] + ["head"], 190)
GPT = run([f"transformer.h.{i}.{part}" for i in range(20) for part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")], 600, every=10, fading=0.97)  # fmt: skip
NAN = run([f"body.{i}" for i in range(6)], 80, bad={60: 1, 61: 4096, 62: 4096})
ONE_STEP = run(["0", "2"], 1)
DEEP = run([f"blocks.{i}.linear" for i in range(1000)], 400, every=20, fading=0.995)
LONG = run(["0", "2", "4"], 2000, every=4, spread=0.3)
NO_LAYERS = WatchResult(3, 1, 0.01, None, loop(3), tracks={"loss": track("loss", [1.0, 0.9, 0.8])})
NOTHING = WatchResult(0, 1, 0.0, None, limits=("no training step was seen",))
ALL = {
    "cnn": CNN, "gpt": GPT, "nan": NAN, "one step": ONE_STEP, "deep": DEEP, "long": LONG, "no layers": NO_LAYERS, "nothing": NOTHING,
}  # fmt: skip
