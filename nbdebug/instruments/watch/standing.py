"""Where the recorder stands after a call: what it remembers of the update under way, to be put back there."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from nbdebug.instruments.watch.cycles import Ahead, ahead_of

FIELDS = (  # of the recorder, that change from call to call
    "_expected", "_scaled", "_closure", "_backward", "_half", "_descended", "_again", "_heard_a_loss", "_last_loader", "_entry", "_training_loader",
)  # fmt: skip
OF_FORWARD = ("_training", "_grad", "_last_model", "place")  # the same, that each forward pass makes anew
_fields, _of_forward = attrgetter(*FIELDS), attrgetter(*OF_FORWARD)


class Standing:
    """What is remembered; counts over the whole run, and curves, are not of it."""

    __slots__ = ("_accounts", "_curves", "_cycles", "_fields", "_of_forward", "_sets", "_settled")

    def __init__(self, recorder: Any) -> None:
        self._fields, self._of_forward = _fields(recorder), _of_forward(recorder)
        self._settled = not recorder._perhaps_validated
        self._sets = set(recorder._begun), set(recorder._stepped)
        self._cycles, self._curves = recorder.cycles.standing(), recorder.curves.standing()
        self._accounts = [(account, account.standing()) for account in recorder.ledger]

    def after(self, other: Standing, *, forward: bool) -> Ahead | None:
        """What the update under way has ahead of where `other` stands, which is an update's first call; None where something else differs too.

        Args:
            forward: it may differ in what the next forward pass makes anew.
        """
        alike = (
            self._settled and self._fields == other._fields and self._sets == other._sets and self._curves == other._curves
            and len(self._accounts) == len(other._accounts) and all(account.stands(standing) for account, standing in other._accounts)
            and (forward or self._of_forward == other._of_forward)
        )  # fmt: skip
        return ahead_of(self._cycles, other._cycles) if alike else None

    def take(self, recorder: Any, ahead: Ahead) -> None:
        """Puts the recorder there, in an update that has this ahead of it."""
        for name, value in zip((*FIELDS, *OF_FORWARD), (*self._fields, *self._of_forward), strict=True):
            setattr(recorder, name, value)
        recorder._begun, recorder._stepped = map(set, self._sets)
        recorder._perhaps_validated.clear()
        recorder.cycles.stand(self._cycles, ahead)
        recorder.curves.stand(self._curves)
        for account, standing in self._accounts:
            account.stand(standing)

    def is_usual(self, recorder: Any) -> None:
        """The updates that come end like this."""
        recorder.curves.usually(self._curves)
