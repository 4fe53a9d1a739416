"""What was seen of one batch, in plain values."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.page import Exhibit, Gallery, Note, Panel, Table

HEADS = ("", "as", "kind", "shape", "dtype", "layout", "lowest", "highest", "mean", "std", "nan or inf")


@dataclass(frozen=True)
class Part:
    """One field of the batch, as delivered, or what a layer received of it."""

    name: str
    role: str  # "input" or "target"; "received" for what arrives at the first layer
    kind: str  # "image", "tokens", …
    shape: str  # "(32, 3, 64, 64)", "32 of their own shape"
    dtype: str
    layout: str  # of images: "NCHW" or "NHWC"; else ""
    low: float | None  # of the finite values; None for what has no numbers
    high: float | None
    mean: float | None
    std: float | None
    broken: int | None  # values that are NaN or Inf


@dataclass(frozen=True)
class BatchLook:
    """One batch as the network gets it."""

    loader: str  # "train_loader", "val_loader"
    samples: int  # in the batch
    structure: str  # of the batch, in a line
    parts: tuple[Part, ...]
    exhibits: tuple[Exhibit, ...]  # its first samples
    drawn: str  # how
    rows: Table | None  # the first samples of a table
    receiver: str  # the first layer with weights, such as "features.0 (conv2d)"; "" when none was seen
    received: tuple[Exhibit, ...]  # what it gets, where that is not what was delivered
    trouble: str  # why the forward pass could not be followed; "" when it could

    def panels(self) -> tuple[Panel, ...]:
        """The samples, what the first layer receives of them, and what the batch holds."""
        batch = Note("the batch", f"{self.samples:,} samples of {self.loader}: {self.structure}.{self._words()}")
        galleries = (Gallery("as delivered", self.exhibits, self.drawn), Gallery(f"as {self.receiver} receives it", self.received, self.drawn))
        rows = tuple(
            (p.name, p.role, p.kind, p.shape, p.dtype, p.layout, p.low, p.high, p.mean, p.std, p.broken) for p in self.parts
        )
        shown = [gallery for gallery in galleries if gallery.exhibits] + ([self.rows] if self.rows is not None else [])
        return (batch, *shown, Table("what it holds", HEADS, rows))

    def _words(self) -> str:
        if self.trouble:
            return f" What the first layer gets of it could not be seen: {self.trouble}."
        if self.receiver and not any(part.role == "received" for part in self.parts):
            return f" It arrives unchanged at {self.receiver}, the first layer with weights."
        return ""
