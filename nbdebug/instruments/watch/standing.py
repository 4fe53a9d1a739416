"""Where the recorder stands after a call: what it remembers of the update under way, to be put back there."""

from __future__ import annotations

from typing import Any

FIELDS = (  # of the recorder, that change from call to call
    "_expected", "_scaled", "_closure", "_backward", "_training", "_grad", "_half", "_descended", "_heard_a_loss", "_last_model", "_last_loader",
    "_entry", "_training_loader", "place",
)  # fmt: skip


class Standing:
    """What is remembered; counts over the whole run, and curves, are not of it."""

    __slots__ = ("_accounts", "_cycles", "_fields", "_sets")

    def __init__(self, recorder: Any) -> None:
        self._fields = [getattr(recorder, name) for name in FIELDS]
        self._sets = set(recorder._begun), set(recorder._stepped)
        self._cycles = recorder.cycles.standing()
        self._accounts = [(account, account.standing()) for account in recorder.ledger]

    def take(self, recorder: Any) -> None:
        """Puts the recorder there."""
        for name, value in zip(FIELDS, self._fields, strict=True):
            setattr(recorder, name, value)
        recorder._begun, recorder._stepped = map(set, self._sets)
        recorder._perhaps_validated.clear()
        recorder.cycles.stand(self._cycles)
        for account, standing in self._accounts:
            account.stand(standing)
