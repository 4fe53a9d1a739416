"""How often layers are looked at."""

from __future__ import annotations

from nbdebug.training.trainer.numbers.purse import SHARE, Purse


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def looked(step_seconds, look_seconds, steps, every=None):
    clock = Clock()
    purse, due = Purse(every, clock), []
    for step in range(1, steps + 1):
        if purse.due(step):
            due.append(step)
            clock.now += look_seconds
            purse.looked(look_seconds)
        clock.now += step_seconds
    return purse, due


def test_looks_take_a_share_of_the_time():
    for step_seconds in (0.0005, 0.01, 1.0):
        purse, due = looked(step_seconds, 0.004, 20_000)
        assert due[0] == 1 and len(due) > 3
        assert purse.spent <= SHARE * purse.passed


def test_looks_are_spread_evenly():
    _, due = looked(0.001, 0.004, 20_000)
    apart = [b - a for a, b in zip(due[2:], due[3:], strict=False)]
    assert max(apart) <= 2 * min(apart)


def test_what_was_said_is_done():
    _, due = looked(0.001, 1.0, 50, every=20)
    assert due == [1, 20, 40]
    assert Purse(20).affords_judging() and not Purse().affords_judging()  # and shown, whatever it costs


def test_judging_waits_for_its_time():
    clock = Clock()
    purse = Purse(None, clock)
    purse.due(1)
    assert not purse.affords_judging()
    clock.now += 60.0
    assert purse.affords_judging()
    with purse.judging():
        clock.now += 2.0
    assert purse.spent == 2.0 and not purse.affords_judging()
    clock.now += 500.0
    assert purse.affords_judging()
