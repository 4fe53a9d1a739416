"""Who is to blame for a wrong gradient: a Function, a hook, a hidden write. Each is an experiment."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

from torch import Tensor

from nbdebug.findings import Location
from nbdebug.instruments.gradcheck import local
from nbdebug.instruments.gradcheck.functions import Call, backward_line, line_of_answer, name_of
from nbdebug.instruments.gradcheck.held import Record
from nbdebug.instruments.gradcheck.hidden import stops_gradients_unseen
from nbdebug.instruments.gradcheck.result import (
    BY_DESIGN,
    KINK,
    NOT_CHECKED,
    SOUND,
    WRONG,
    DamageRow,
    FunctionRow,
    GradCheck,
    GradientRow,
    HookRow,
)  # fmt: skip
from nbdebug.instruments.gradcheck.rows import Rows
from nbdebug.instruments.gradcheck.saved import Damage, Saved
from nbdebug.instruments.gradcheck.trial import Point, Trial
from nbdebug.source_lines import SourceLine, location_fields

GRAVITY = {WRONG: 0, BY_DESIGN: 1, KINK: 2, NOT_CHECKED: 3, SOUND: 4}  # of several calls of a Function the worst is told


def functions(trial: Trial, point: Point) -> tuple[FunctionRow, ...]:
    """Every input of every Function of the user's that took part in the backward pass, judged on its own."""
    found: dict[tuple[type, int], FunctionRow] = {}
    nodes = _nodes(point.root)
    for call in point.calls:
        if call.grad_outputs is None:
            continue
        for row in _rows(call, trial.wide):
            behind = leaves_behind(call, row.position, trial) if call.ctx in nodes else None
            key, told = (call.cls, row.position), replace(row, behind=behind)
            found[key] = _worse(found[key], told) if key in found else told
    point.calls.clear()  # they hold tensors
    return tuple(found.values())


def explained(found: GradCheck, trial: Trial, rows: Rows) -> GradCheck:
    """The result with a reason beside every wrong row, where an experiment gives one."""
    wrong = [row.name for row in found.rows if row.verdict == WRONG]
    hooks = _hooks(trial, rows, wrong)
    by_hook = {name: hook for hook in hooks for name in hook.behind}
    damages = _damages(trial, rows, [name for name in wrong if name not in by_hook])
    by_damage = {name: damage for damage in damages for name in damage.behind}
    told = [
        _with_reason(row, found.functions, by_hook.get(row.name), by_damage.get(row.name)) if row.verdict == WRONG else row
        for row in found.rows
    ]
    if any(row.verdict == WRONG and not row.reason for row in told) and (reason := _unseen(trial, rows.point.record)):
        told = [replace(row, verdict=NOT_CHECKED, reason=reason) if row.verdict == WRONG and not row.reason else row for row in told]
    return replace(found, rows=tuple(told), hooks=hooks, damages=damages, evaluations=rows.evaluations)


def leaves_behind(call: Call, position: int, trial: Trial) -> tuple[str, ...]:
    """The parameters and inputs whose gradient passes through one input of a call, the nearest first."""
    names = {id(leaf): name for name, leaf in trial.leaves.items()}
    edges, tensors = call.ctx.next_functions, [i for i, a in enumerate(call.args) if isinstance(a, Tensor)]
    root = edges[tensors.index(position)][0] if position in tensors and len(edges) == len(tensors) else call.ctx
    variables = (getattr(node, "variable", None) for node in _nodes(root))
    return tuple(names[id(variable)] for variable in variables if id(variable) in names)


def _nodes(root: Any) -> dict[Any, None]:
    """A node of the graph and all that lies behind it, nearest first."""
    found, ahead = {root: None}, deque([root])
    while ahead:
        for before, _ in ahead.popleft().next_functions:
            if before is not None and before not in found:
                found[before] = None
                ahead.append(before)
    return found


def _rows(call: Call, wide: bool) -> list[FunctionRow]:
    at, called_at = _place(backward_line(call.cls)), _place(call.line)
    name = name_of(call.cls)
    try:
        judged = local.judge(call, wide)
    except Exception as error:  # the user's own code, run out of its place
        reason = f"it does not run on its own ({type(error).__name__}: {error})"
        return [FunctionRow(name, "", -1, NOT_CHECKED, reason, 0.0, at, called_at)]
    answered_at = {j.position: _place(line_of_answer(call.cls, j.position)) if j.verdict == WRONG and j.reason != local.CHANGED else at for j in judged}
    return [
        FunctionRow(name, j.argument, j.position, j.verdict, j.reason, j.error, answered_at[j.position] or at, called_at, (), j.largest) for j in judged
    ]


def _worse(one: FunctionRow, other: FunctionRow) -> FunctionRow:
    """Of two calls the worse; of two alike, with all that lies behind either."""
    if one.verdict == other.verdict:
        known = one.behind is not None and other.behind is not None
        return replace(one, behind=tuple(dict.fromkeys((*one.behind, *other.behind))) if known else None)
    return min(one, other, key=lambda row: GRAVITY[row.verdict])


def _with_reason(row: GradientRow, functions: tuple[FunctionRow, ...], hook: HookRow | None, damage: DamageRow | None) -> GradientRow:
    if hook is not None:
        return replace(row, verdict=hook.verdict, reason=f"the hook {hook.name} changes it")
    if damage is not None:
        return replace(row, reason="what an operation saved for backward was written to")
    through = sorted((f for f in functions if f.behind is None or row.name in f.behind), key=lambda f: GRAVITY[f.verdict])
    if through and through[0].verdict in (WRONG, BY_DESIGN):
        function = through[0]
        return replace(row, verdict=function.verdict, reason=f"through the backward of {function.name}")
    return row


def _unseen(trial: Trial, record: Record) -> str:
    """Why a difference that nothing explains need not be a mistake; empty when it is one."""
    if record.is_lost:
        return f"a gradient is stopped inside torch.func, where it cannot be followed ({record.lost})"
    if stops_gradients_unseen(trial):
        return "a gradient is stopped below Python (TorchScript, a compiled extension, an operator's kernel), where it cannot be followed"
    return ""


def _hooks(trial: Trial, rows: Rows, wrong: list[str]) -> tuple[HookRow, ...]:
    """Without any hook, which of the wrong gradients are right?"""
    if not rows.point.hooks:
        return ()
    bare = trial.point(hooks=False)
    healed = tuple(name for name in wrong if rows.agrees(name, bare.gradients[name]))
    found = []
    for hook in rows.point.hooks:
        verdict = BY_DESIGN if hook.deliberate else WRONG
        behind = tuple(name for name in healed if not _is_parameter(hook.place, trial) or name == hook.place)
        if behind:
            found.append(HookRow(hook.name, hook.place, hook.factor, verdict, _place(hook.line), behind))
    return tuple(sorted(found, key=lambda row: GRAVITY[row.verdict], reverse=True))


def _damages(trial: Trial, rows: Rows, wrong: list[str]) -> tuple[DamageRow, ...]:
    """With everything that was saved as it was when it was saved, which of the wrong gradients are right?"""
    if not wrong:
        return ()
    saved = Saved(keep=True)
    intact = trial.point(saved=saved)
    healed = tuple(name for name in wrong if rows.agrees(name, intact.gradients[name])) if saved.damages else ()
    if not healed:
        return ()
    return tuple(_damage(damage, healed) for damage in saved.damages[:1])


def _damage(damage: Damage, healed: tuple[str, ...]) -> DamageRow:
    saved, written = damage.saved_at, damage.written_at
    return DamageRow(
        _place(saved), saved.text if saved else "", _place(written), written.text if written else "", damage.shape, healed,
    )  # fmt: skip


def _place(line: SourceLine | None) -> Location:
    return Location(**location_fields(line))


def _is_parameter(place: str, trial: Trial) -> bool:
    return place in trial.parameters
