"""Each diagnosis has a patient, its twin without the trouble, and sound look-alikes."""

from __future__ import annotations

import math
import random

import pytest

import nbdebug
from nbdebug.findings import ERROR, INFO, WARNING
from nbdebug.instruments.fit.result import Diagnosis
from tests.fit.curves import below, falling, line, mapped, overfitting, spiked, standing


def diagnoses(history, **options) -> dict[str, Diagnosis]:
    return {diagnosis.name: diagnosis for diagnosis in nbdebug.fit(history, **options).result.diagnoses}


def alarms(history, **options) -> set[str]:
    return {finding.code for finding in nbdebug.fit(history, **options).findings if finding.severity is not INFO}


def not_checked(history, **options) -> dict[str, str]:
    return nbdebug.fit(history, **options).result.not_checked


# -- overfitting ---------------------------------------------------------------------------------------------------


def test_validation_that_rises_while_training_falls_is_overfitting():
    found = diagnoses(overfitting())["overfitting"]
    assert (found.code, found.severity, found.last) == ("ND703", WARNING, 39)
    assert 8 <= found.first <= 16
    assert found.sure > 0.95
    assert alarms(overfitting()) == {"ND703"}


def test_validation_that_stays_low_is_not():
    assert alarms(overfitting(slope=0.0)) == set()
    assert set(diagnoses(overfitting(slope=0.0))) == {"healthy"}


def test_a_run_that_ended_with_a_patience_was_stopped_early():
    cut = {name: values[:22] for name, values in overfitting(44, 0.06).items()}
    cut["val_loss"] = falling(22, floor=0.9, pace=0.1)[:12] + [1.1 + 0.05 * i for i in range(10)]
    cut["val_loss"][11] = 0.85
    found = diagnoses(cut)["overfitting"]
    assert found.severity is INFO
    assert "10 validations after the best" in found.message


def test_confidence_that_gets_worse_while_more_is_right_is_mentioned():
    history = overfitting() | {"val_acc": [0.5 + 0.01 * i for i in range(40)]}
    assert diagnoses(history)["overfitting"].severity is INFO


def test_double_descent_comes_down_again():
    history = overfitting(80, slope=0.0)
    history["val_loss"] = mapped(history["val_loss"], lambda i, v: v + 0.8 * math.exp(-(((i - 30) / 9) ** 2)))
    assert alarms(history) == set()


def test_few_validations_are_not_checked():
    history = {"loss": falling(60), "val_loss": [2.0, 1.0, 0.9, 1.5, 2.5]}
    assert not_checked(history)["overfitting"] == "because 5 values of the validation loss are there, and 8 are needed"
    assert not_checked({"loss": falling(60)})["overfitting"] == "because there is no validation loss"


# -- underfitting and plateau --------------------------------------------------------------------------------------


def test_at_a_known_constant_from_the_beginning_is_underfitting():
    found = diagnoses({"step": list(range(400)), "loss": standing()}, constant=math.log(10))["underfitting"]
    assert (found.code, found.severity) == ("ND704", WARNING)


def test_the_logarithm_of_the_classes_with_their_accuracy_is_chance():
    assert alarms({"loss": standing(), "acc": standing(0.1, spread=0.01)}) == {"ND704"}


def test_the_same_level_with_another_accuracy_is_none():
    assert alarms({"loss": standing(), "acc": standing(0.5, spread=0.01)}) == set()


def test_a_level_that_nobody_can_judge_is_mentioned():
    found = diagnoses({"loss": standing(0.83)})["underfitting"]
    assert found.severity is INFO


def test_a_loss_that_falls_is_no_underfitting():
    assert "underfitting" not in diagnoses({"loss": falling(400)})


def test_stuck_at_the_constant_after_a_fall_is_a_plateau():
    history = {"step": list(range(400)), "loss": falling(400, top=9.0, pace=0.03, floor=2.3, spread=0.02)}
    found = diagnoses(history, constant=2.3)["plateau"]
    assert (found.code, found.severity) == ("ND705", WARNING)
    assert found.first < 120
    assert "halve the learning rate" in found.experiment


def test_a_floor_above_zero_is_mentioned_as_smoothed_labels_have_one():
    assert diagnoses({"loss": falling(400, pace=0.05, floor=0.5)})["plateau"].severity is INFO


def test_a_loss_that_stands_because_its_rate_is_zero_has_no_plateau():
    loss = falling(200, pace=0.08, floor=0.8)
    rates = [0.1 if i < 60 else 1e-4 for i in range(200)]
    assert "plateau" not in diagnoses({"loss": loss, "lr": rates})
    assert "plateau" in diagnoses({"loss": loss, "lr": [0.1] * 200})


def test_a_short_run_is_told_how_long_it_should_be():
    assert not_checked({"loss": falling(12)})["plateau"] == "because 12 points of the training loss are there, and 40 are needed"


# -- instability ---------------------------------------------------------------------------------------------------


def test_not_finite_to_the_end_is_an_error():
    history = {"step": list(range(60)), "loss": falling(60)[:40] + [math.nan] * 20}
    found = diagnoses(history)["divergence"]
    assert (found.code, found.severity, found.first, found.last, found.sure) == ("ND706", ERROR, 40, 59, 1.0)


def test_a_loss_that_leaves_for_good_diverges():
    loss = mapped(falling(120), lambda i, v: v if i < 80 else 3.0 + 0.01 * (i % 7))
    found = diagnoses({"loss": loss})["divergence"]
    assert found.severity is WARNING
    assert found.first == pytest.approx(80, abs=3)


def test_a_new_task_is_learnt_after_its_jump():
    loss = [v for _ in range(3) for v in falling(100, pace=0.2)]
    assert alarms({"loss": loss, "lr": [0.1] * 300}) == set()


def test_a_loss_that_explodes_at_once_diverges():
    assert alarms({"loss": [2.0, 3.0, 9.0, 60.0, 900.0, 2e4, 7e6]}) == {"ND706"}


def test_thrown_back_again_and_again_is_oscillation():
    found = diagnoses({"loss": spiked(), "lr": [0.1] * 300})["oscillation"]
    assert (found.code, found.severity) == ("ND706", WARNING)


def test_the_same_without_a_rate_may_be_its_schedule():
    assert diagnoses({"loss": spiked()})["oscillation"].severity is INFO


def test_warm_restarts_explain_what_they_throw_back():
    at = (75, 150, 225)
    rates = [0.01 + 0.1 * (1 + math.cos(math.pi * (i % 75) / 75)) for i in range(300)]
    assert "oscillation" not in diagnoses({"loss": spiked(at), "lr": rates})


def test_single_hard_batches_are_none():
    loss = mapped(falling(300), lambda i, v: 20 * v if i in (90, 150, 220) else v)
    assert set(diagnoses({"loss": loss, "lr": [0.1] * 300})) <= {"plateau", "healthy"}


def test_up_and_down_with_every_step_is_mentioned():
    loss = mapped(falling(200, spread=0.005), lambda i, v: v * (1 + 0.1 * (-1) ** i))
    found = diagnoses({"loss": loss})["oscillation"]
    assert found.severity is INFO
    assert found.evidence["correlation"] < -0.5


def test_noisy_batches_do_not_zigzag():
    assert "oscillation" not in diagnoses({"loss": falling(400, spread=0.15, floor=0.8)})


def test_a_rate_finder_is_not_judged():
    rates = [1e-6 * 10 ** (i / 20) for i in range(120)]
    loss = mapped(falling(120), lambda i, v: v if i < 95 else 50.0 * (i - 94))
    assert "on purpose" in not_checked({"loss": loss, "lr": rates})["divergence"]


def test_a_vanishing_loss_that_wavers_is_not_thrown_back():
    draw = random.Random(4)
    loss = [2.0 * 0.9**i if i < 80 else 1e-3 * math.exp(draw.gauss(0, 0.3) + 1.5 * math.sin(i / 8)) for i in range(300)]
    assert alarms({"loss": loss, "lr": [0.1] * 300}) == set()


# -- too slow ------------------------------------------------------------------------------------------------------


def test_a_straight_line_that_gets_nowhere_is_too_slow():
    found = diagnoses({"loss": line()})["too slow"]
    assert (found.code, found.severity) == ("ND714", WARNING)
    assert found.evidence["steps_times"] == pytest.approx(0.5 / 0.05, rel=0.2)


def test_the_same_line_with_a_rate_a_hundred_times_higher_is_not():
    assert "too slow" not in diagnoses({"loss": falling(200, pace=0.2)})


def test_validation_shows_the_line_that_batches_hide():
    history = {"train_loss": line(spread=0.15), "val_loss": line(spread=0.0)}
    assert diagnoses(history)["too slow"].curve == "val_loss"


@pytest.mark.parametrize(
    "history",
    [
        {"loss": line(), "lr": [1e-3 * i / 200 for i in range(1, 201)]},  # a warm-up
        {"loss": [v - 4 for v in line()]},  # below zero
        {"loss": line(part=0.5)},
        {"step": list(range(50_000, 50_200)), "loss": line()},  # the end of a long training
        {"loss": [2.3 / (1 + i) ** 0.05 for i in range(200)]},  # a power law
        {"loss": line(), "val_loss": mapped(line(), lambda i, v: 2.3 + 0.001 * i)},
    ],
)
def test_what_only_looks_slow(history):
    assert "ND714" not in alarms(history)


# -- leak ----------------------------------------------------------------------------------------------------------


def test_validation_near_zero_of_a_training_that_learnt_nothing_is_a_leak():
    history = {"train_loss": standing(n=40), "val_loss": falling(40, floor=0.03, spread=0.002)}
    found = diagnoses(history)["leak suspected"]
    assert (found.code, found.severity) == ("ND713", WARNING)
    assert "eval mode" in found.experiment


def test_half_the_loss_in_the_same_mode_is_a_leak():
    assert alarms(below(), same_mode=True) == set()
    worse = {"train_loss": falling(40, floor=0.8), "val_loss": falling(40, floor=0.2, seed=1)}
    assert alarms(worse, same_mode=True) == {"ND713"}
    assert alarms(worse) == set()


def test_a_training_loss_in_eval_mode_is_known_by_its_name():
    history = {"train_loss": falling(40, floor=0.9), "train_eval_loss": falling(40, floor=0.8), "val_loss": falling(40, floor=0.2, seed=1)}
    assert alarms(history) == {"ND713"}


def test_dropout_is_mentioned():
    assert diagnoses(below())["leak suspected"].severity is INFO


def test_a_penalty_in_the_training_loss_is_of_another_scale():
    history = {"train_loss": standing(40.0, n=40), "val_loss": falling(40, floor=0.3)}
    assert alarms(history) == set()


def test_mixup_keeps_the_training_loss_up():
    assert alarms({"train_loss": falling(60, floor=1.05), "val_loss": falling(60, floor=0.1, seed=1, spread=0.005)}) == set()


# -- what is no trouble --------------------------------------------------------------------------------------------


def test_a_good_training_is_healthy():
    (found,) = diagnoses({"loss": falling(30, pace=0.4), "val_loss": falling(30, pace=0.4, floor=0.3)}).values()
    assert (found.name, found.code) == ("healthy", "")
    assert nbdebug.fit({"loss": falling(30, pace=0.4)}).findings == ()


def test_rewards_go_up():
    rewards = [200 / (1 + math.exp(-(i - 100) / 20)) for i in range(250)]
    assert alarms({"episode_reward": rewards}, training="episode_reward") == set()


def test_losses_that_play_against_each_other_are_not_judged():
    history = {"g_loss": [1 + 0.02 * i for i in range(300)], "d_loss": falling(300)}
    assert alarms(history, training="g_loss") == set()
    assert "play against each other" in not_checked(history, training="g_loss")["divergence"]


def test_a_negative_log_likelihood_has_no_levels():
    assert alarms({"loss": [v - 3 for v in falling(300)]}) == set()


# -- how sure ------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_certainty():
    history = overfitting(slope=0.02)
    assert diagnoses(history, seed=1) == diagnoses(history, seed=1)


def test_what_holds_in_few_resamples_accuses_nobody():
    """Validation ends at hardly more than 1.15 times its best, with its noise."""
    draw = random.Random(60)
    training = [0.3 + 4.0 * math.exp(-i / 15) + draw.gauss(0, 0.02) for i in range(60)]
    validation = [1.5 + 3.0 * math.exp(-i / 7.5) + 0.01 * max(0, i - 20) + draw.gauss(0, 0.02) for i in range(60)]
    found = diagnoses({"train_loss": training, "val_loss": validation})["overfitting"]
    assert 0 < found.sure < 0.8
    assert found.severity is INFO
