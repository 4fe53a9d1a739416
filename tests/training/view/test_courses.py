"""The curves of a run: bounded, read once, and right after a restart."""

from __future__ import annotations

import math

import pytest

from nbdebug.training.history import Row
from nbdebug.training.view.courses import MOST_POINTS, Course, Courses


def row(step, loss, *, rank=0, attempt=0, validation=False, **more):
    return Row(rank, attempt, step, None, {"loss": loss, **more}, validation)


def taken(rows):
    courses = Courses()
    courses.take(rows)
    return courses


def test_training_and_validation_are_in_one_drawing_each_at_its_own_steps():
    (loss,) = taken([row(1, 4.0), row(2, 3.0), row(2, 3.5, validation=True), row(3, 2.0)]).curves()
    assert loss.series == {"training": (4.0, 3.0, 2.0), "validation": (3.5,)}
    assert loss.own_x == {"training": (1.0, 2.0, 3.0), "validation": (2.0,)}
    assert not loss.log_y


def test_only_what_is_new_is_read():
    rows = [row(1, 1.0), row(2, 2.0)]
    courses = taken(rows)
    rows.append(row(3, 3.0))
    courses.take(rows)
    courses.take(rows)
    assert courses.curves()[0].series == {"training": (1.0, 2.0, 3.0)}
    assert courses.last("loss") == 3.0


def test_a_long_run_keeps_its_mean_in_few_points():
    course = Course()
    for step in range(100_000):
        course.add(step, float(step % 2))
    points = course.points()
    assert MOST_POINTS / 2 <= len(points) <= MOST_POINTS
    assert points[-1][0] == 99_999
    assert all(value == 0.5 for _, value in points)


def test_a_nan_is_not_averaged_away():
    course = Course()
    for step in range(4 * MOST_POINTS):
        course.add(step, math.nan if step == 7 else 1.0)
    assert sum(math.isnan(value) for _, value in course.points()) == 1


def test_after_a_restart_what_is_measured_again_counts():
    (loss,) = taken([row(1, 1.0), row(2, 9.0), row(3, 9.0), row(2, 2.0, attempt=1), row(3, 7.0), row(3, 3.0, attempt=1)]).curves()
    assert loss.series["training"] == (1.0, 2.0, 3.0)


def test_where_all_ranks_tell_the_first_one_counts():
    (loss,) = taken([row(1, 5.0, rank=1), row(1, 1.0), row(2, 6.0, rank=1), row(2, 2.0)]).curves()
    assert loss.series["training"] == (1.0, 2.0)


@pytest.mark.parametrize("rates, drawn", [((0.1, 0.1), ["loss"]), ((0.1, 0.05), ["loss", "learning rate"])])
def test_a_rate_that_stays_the_same_is_not_drawn(rates, drawn):
    assert [curve.y_label for curve in taken([row(step, 1.0 / (step + 1), lr=rate) for step, rate in enumerate(rates)]).curves()] == drawn


def test_a_loss_that_falls_far_is_drawn_by_logarithm():
    assert taken([row(1, 10.0), row(2, 0.1)]).curves()[0].log_y
    assert not taken([row(1, 10.0), row(2, -0.1)]).curves()[0].log_y
