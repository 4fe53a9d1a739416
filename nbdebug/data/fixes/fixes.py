"""What to do about it, as code to paste; every piece was run before it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from nbdebug.data.context import Context
from nbdebug.data.fixes.balancing import balancing
from nbdebug.data.fixes.dropping import dropping
from nbdebug.data.fixes.filling import filling
from nbdebug.data.fixes.fix import Draft, Fix, tried
from nbdebug.data.fixes.labelling import labelling
from nbdebug.data.fixes.omitting import omitting
from nbdebug.data.fixes.preparing import preparing
from nbdebug.data.fixes.restoring import restoring
from nbdebug.data.fixes.sampled import Sampled
from nbdebug.data.fixes.scaling import scaling
from nbdebug.data.fixes.splitting import splitting
from nbdebug.data.fixes.spreading import spreading
from nbdebug.data.fixes.tokens import tokens
from nbdebug.data.split import Split
from nbdebug.page import Note, Panel

MOST = 8
FAMILIES = (  # in the order in which one would paste them
    splitting, omitting, preparing, restoring, filling, spreading, labelling, tokens, balancing, dropping, scaling,
)  # fmt: skip


@dataclass(frozen=True)
class FixLook:
    """Mends that were run on copies of the sampled rows; those that something is wrong without come first."""

    fixes: tuple[Fix, ...] = ()
    left_out: int = 0  # for want of room or time

    def panels(self) -> tuple[Panel, ...]:
        """The code of each, with the reason and what was verified."""
        return tuple(_note(fix) for fix in self.fixes)


def fixes(train: Split, val: Split | None, context: Context, answers: dict[str, Any]) -> FixLook:
    """Pieces of code that would help, each tried; nothing in a checkup, which has no time for it.

    Args:
        answers: the looks of the other questions by name.
    """
    if not context.whole:
        return FixLook()
    sampled = Sampled(train, val, context, answers)
    skipped = set()
    for optional in (False, True):
        for family in FAMILIES:
            if context.left <= 0:
                skipped.add(family)
                continue
            for draft in _drafts(family(sampled)):
                if draft.optional is optional:
                    _taken(draft, sampled)
    return FixLook(_from_files(sampled)[:MOST], len(skipped) + max(0, len(sampled.earlier) - MOST))


def _from_files(sampled: Sampled) -> tuple[Fix, ...]:
    """The mends, of which the first that takes frames reads them, where the data came as files."""
    found = list(sampled.earlier)
    first = next((place for place, fix in enumerate(found) if "train_df" in fix.code), None)
    if first is not None and sampled.read:
        found[first] = replace(found[first], code="\n".join([*sampled.read, found[first].code]))
    return tuple(found)


def _taken(draft: Draft, sampled: Sampled) -> None:
    """A mend that stands its trial after the earlier ones; what comes later builds on it."""
    look = sampled.answers.get("features")
    if any(repr(name) in draft.code for name in (look.renamed if look is not None else ())):  # the user's own table does not know that name
        return
    fix = tried(draft, sampled.earlier)
    if fix is not None:
        sampled.earlier.append(fix)
        sampled.gone.update(draft.gone)


def _drafts(family: Iterator[Any]) -> Iterator[Any]:
    """One that stumbles on odd data must not take the others with it."""
    try:
        yield from family
    except Exception:  # of data that nobody thought of
        return


def _note(fix: Fix) -> Note:
    title = f"{'optional' if fix.optional else 'mend'}: {fix.title}"
    why, checked = (" ".join(sentence.split()) for sentence in (fix.why, fix.checked))  # names of columns may hold anything
    return Note(title, f"# why: {why}\n{fix.code}\n# checked: {checked}", "code")
