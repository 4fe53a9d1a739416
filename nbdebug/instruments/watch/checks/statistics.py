"""Check of batch norm's running statistics at evaluation: they must have come to what the batches are like."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.findings import WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.result import Model, WatchResult
from nbdebug.instruments.watch.session import watched
from nbdebug.lines.sources import only, texts
from nbdebug.source_lines import location_fields

BATCHES = 50  # of which the usual momentum of 0.1 has forgotten all but 0.5 %
HALF = 0.5  # of the beginning is left; our choice
SHIFT, RATIO = 0.5, 1.5  # standard deviations and variances apart; what begins near its end is not accused; our choice


@watched.check(
    "ND306", "evaluation unlike training", severity=WARNING,
    advice="a larger momentum: torch's is the share of the new batch (0.1), other frameworks' that of the old (0.9)",
)  # fmt: skip
def statistics_unsettled(result: WatchResult) -> Iterator[Seen]:
    """Batch norm evaluated with running statistics that are (mostly) their beginning, mean 0 and variance 1; the page is that of first_step."""
    for model in result.models:
        if not _is_evaluated(result, model):
            continue
        slow = [n for n in model.norms if n.batches >= BATCHES and n.left > HALF and (n.shift > SHIFT or n.ratio > RATIO)]
        for norm in slow[:1]:
            more = f" (and of {len(slow) - 1} more)" if len(slow) > 1 else ""
            yield Seen(
                f"after {norm.batches} batches {norm.left:.0%} of the running statistics of `{norm.path}`{more} are their beginning (mean 0, variance 1), with "
                f"momentum={norm.momentum:g}: the batches' means lie {norm.shift:.2g} standard deviations off, their variances differ {norm.ratio:.3g} times, and "
                "evaluation works with the former",
                Location(module=norm.path), {"momentum": norm.momentum, "batches": norm.batches, "left": norm.left, "shift": norm.shift, "ratio": norm.ratio},
            )  # fmt: skip
        if model.fresh and model.moved and not _is_trained(result, model) and (source := _source(result, model)) is not None:
            yield Seen(
                f"`{model.name}` is evaluated with weights that follow those of `{source.name}`, and with the running statistics of {len(model.fresh)} batch norms (first: "
                f"`{model.fresh[0]}`) that no batch has reached: they are still mean 0 and variance 1. Parameters were copied, buffers were not",
                replace(result.built_at(model.name) or Location(), detail=f"{model.name}, {model.fresh[0]}"), {"norms": len(model.fresh)}, advice="copy the buffers too: for mine, theirs in zip(copy.buffers(), model.buffers()): mine.copy_(theirs)",
            )  # fmt: skip
        for norm, source in model.copied[:1]:
            yield Seen(
                f"the weights around `{norm}` follow those around `{source}` and no optimizer holds them, but its running statistics{f' (and those of {len(model.copied) - 1} more)' if len(model.copied) > 1 else ''} "
                f"have stayed at mean 0 and variance 1, while those of `{source}` have moved: parameters were copied, buffers were not",
                replace(_copying(), module=norm), {"norms": len(model.copied)}, advice="copy the buffers too: for mine, theirs in zip(copy.buffers(), model.buffers()): mine.copy_(theirs)",
            )  # fmt: skip


def _copying() -> Location:
    """The one loop over the parameters of two models."""
    return Location(**location_fields(only((name, cell, node) for name, cell, tree in texts() for node in ast.walk(tree) if isinstance(node, ast.For) and _walks_two(node.iter))))


def _walks_two(iterated: ast.expr) -> bool:
    return sum(isinstance(node, ast.Attribute) and node.attr in ("parameters", "named_parameters") for node in ast.walk(iterated)) == 2


def _is_trained(result: WatchResult, model: Model) -> bool:
    return any(e.who == model.name and (e.facts["training"] or e.facts["grad"]) for _, e in result.events("forward"))


def _source(result: WatchResult, copy: Model) -> Model | None:
    """The model of the same class and size that was trained, and whose statistics have moved."""
    alike = (m for m in result.models if m is not copy and m.parameters <= copy.parameters and (m.kind == copy.kind or copy.kind == "AveragedModel"))
    return next((m for m in alike if not m.fresh and m.modes_matter and _is_trained(result, m)), None)


def _is_evaluated(result: WatchResult, model: Model) -> bool:
    return any(e.who == model.name and not e.facts["training"] and not e.facts["grad"] for _, e in result.events("forward"))
