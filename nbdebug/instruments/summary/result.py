"""The model layer by layer on a real batch, what a step costs, and how it is laid out."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.page import Note, Panel, Table

INDENT = "· "


@dataclass(frozen=True)
class LayerRow:
    """One call of one module."""

    depth: int
    name: str  # dotted path; "" for the model itself
    kind: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    trainable: int
    multiply_adds: int | None  # of the whole batch, forward; None when they could not be counted
    again: bool  # the same module was called before: its parameters count once


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    parameters: int
    buffers: int
    gradients: int
    optimizer: int | None  # None when nothing is known about this kind of optimizer before its first step
    activations: int | None  # kept for the backward pass of this batch

    @property
    def total(self) -> int:
        return self.parameters + self.buffers + self.gradients + (self.optimizer or 0) + (self.activations or 0)


@dataclass(frozen=True)
class Summary:
    """Shapes, parameters, FLOPs and memory, measured on the first batch of train_loader."""

    batch: str
    layers: tuple[LayerRow, ...]
    parameters: int  # tied weights once
    trainable: int
    forward_flops: int | None  # a multiply-add is two; None when they could not be counted
    backward_flops: int | None
    memory: Memory
    notes: tuple[str, ...] = ()  # what could not be measured, and why

    def panels(self) -> tuple[Panel, ...]:
        """The layers, and the totals in a few lines."""
        panels: list[Panel] = [_layer_table(self.layers)] if self.layers else []
        return (*panels, _totals(self))


def _layer_table(layers: tuple[LayerRow, ...]) -> Table:
    rows = tuple(
        (
            INDENT * row.depth + (row.name.rpartition(".")[2] or row.kind), row.kind, _shape(row.input_shape),
            _shape(row.output_shape), None if row.again else row.parameters, row.multiply_adds,
        )
        for row in layers
    )  # fmt: skip
    return Table("layers", ("layer", "kind", "input", "output", "parameters", "multiply-adds"), rows)


def _shape(shape: tuple[int, ...]) -> str:
    return str(shape) if shape else ""


def _totals(found: Summary) -> Note:
    memory = found.memory
    lines = [
        f"batch: {found.batch}",
        f"parameters: {found.parameters:,}, of them trainable {found.trainable:,}",
        f"FLOPs of this batch: forward {_count(found.forward_flops)}, backward {_count(found.backward_flops)}",
        f"memory: {_bytes(memory.total)} = parameters {_bytes(memory.parameters)} + buffers {_bytes(memory.buffers)}"
        f" + gradients {_bytes(memory.gradients)} + optimizer {_bytes(memory.optimizer)}"
        f" + activations kept for backward {_bytes(memory.activations)}",
        *found.notes,
    ]
    return Note("totals", "\n".join(lines))


def _count(number: int | None) -> str:
    if number is None:
        return "not counted"
    for power, unit in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if number >= 10**power:
            return f"{number / 10**power:.3g} {unit}"
    return str(number)


def _bytes(number: int | None) -> str:
    if number is None:
        return "unknown"
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if number >= 1024**power:
            return f"{number / 1024**power:.3g} {unit}"
    return f"{number} B"
