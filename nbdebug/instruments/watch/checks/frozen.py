"""Check of what should train, and stays frozen: a switch in the loop that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.findings import ERROR, WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched


@watched.check("ND501", "gradient cut off", severity=ERROR, advice="requires_grad_() is a method: module.requires_grad_(True)")
def thawed_in_vain(result: WatchResult) -> Iterator[Seen]:
    """The switch that a checkup looks for in the model as it is, here as the loop has left it."""
    for switch in result.unheeded:
        yield Seen(switch.sentence(), switch.location(), {"parameters": len(switch.parameters)}, ERROR if switch.value else WARNING, switch.advice())
