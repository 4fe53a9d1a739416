"""What was found among the variables, as a page: the table of roles, what was left aside, the Python call."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import Optimizer

from nbdebug.instruments.base import subject
from nbdebug.notebook.namespace import ROLES, Discovery
from nbdebug.notebook.ownership import several
from nbdebug.notebook.search import SAY
from nbdebug.page import Note, Page, Panel, Section, Table


def page_of(found: Discovery) -> Page:
    """The page that `%nbdebug setup` shows."""
    rows = tuple((t.role, t.variable, describe(t.value), t.why) for t in found.taken)
    missing = tuple((role, "–", "", "not found") for role in _expected(found))
    panels: list[Panel] = [Table("taken", ("role", "variable", "what it is", "why"), rows + missing)]
    if found.left_aside:
        aside = tuple((entry.variable, entry.role, entry.why) for entry in found.left_aside)
        panels.append(Table("left aside", ("variable", "could have been", "why not"), aside))
    panels.append(Note("to choose others, change this line and run it", f"{SAY} {_example(found)}", "code"))
    return Page("setup", subject(found.setup), (), (), (Section("variables", "", tuple(panels)),))


def describe(value: Any) -> str:
    """A few words on what a variable holds."""
    if isinstance(value, (tuple, list)) and len(value) < 5 and all(isinstance(item, Optimizer) for item in value):
        return " and ".join(describe(item) for item in value)
    name = getattr(value, "__name__", None) or type(value).__name__
    if isinstance(value, Optimizer):
        return f"{name}, lr {' and '.join(f'{lr:g}' for lr in dict.fromkeys(float(g['lr']) for g in value.param_groups))}"
    if isinstance(value, nn.Module):
        count = sum(1 for _ in value.parameters())
        return f"{name}, {count} parameter tensors" if count else name
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return f"{name}{_batches(value)}"
    return "" if isinstance(value, str) or value is None else name


def _batches(loader: Any) -> str:
    try:
        return f" of {len(loader)} batches"
    except Exception:  # an iterable dataset has no length, or one that lies
        return ""


def _expected(found: Discovery) -> list[str]:
    """Roles that most trainings have, and this one has not."""
    setup = found.setup
    wanted = ["optimizer", "train_loader", "val_loader"] + (["loss_fn"] if setup.batch_loss is None else [])
    said = {t.role for t in found.taken}
    return [role for role in ROLES if role in wanted and role not in said and not several(getattr(setup, role))]


def _example(found: Discovery) -> str:
    """A line that would say this very setup."""
    return " ".join(f"{t.role}={t.variable.replace(', ', ',')}" for t in found.taken if t.role in ROLES) or "model=net"
