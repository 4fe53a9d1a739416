"""A report tells found, sound and not checked apart, shows itself anywhere, and survives JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

import nbdebug
from nbdebug.causes import fold
from nbdebug.findings import ERROR, INFO, WARNING, Finding, Location
from nbdebug.instruments.base import INSTRUMENTS, Seen, instrument, seconds_of
from nbdebug.instruments.own import CHECKS, own
from nbdebug.instruments.report import RESULTS
from nbdebug.page import Note
from nbdebug.plain import from_plain, to_plain
from tests.patients.parts import features, loader, mlp, training


@pytest.fixture(scope="module")
def sick():
    torch.manual_seed(0)
    return nbdebug.checkup(training(mlp(64, 10, nn.Softmax(1))), budget="60 s")


def test_it_survives_json_without_loss(sick):
    data = json.loads(json.dumps(sick.to_dict(), allow_nan=False))
    assert nbdebug.Report.from_dict(data) == sick


def test_numbers_that_json_has_no_word_for_survive():
    @dataclass(frozen=True)
    class Odd:
        values: tuple[float, ...]
        place: Location | None
        nested: dict[str, tuple[int, ...]]

    odd = Odd((float("inf"), -float("inf"), 0.1), Location(module="a", line=3), {"x": (1, 2)})
    assert from_plain(Odd, json.loads(json.dumps(to_plain(odd), allow_nan=False))) == odd


def test_it_says_where_in_one_line():
    place = Location(module="encoder.norm", operator="aten.div", cell=7, line=12)
    assert str(place) == "Cell In[7], line 12 · encoder.norm · aten.div"
    assert str(Location(file="train.py", line=3, parameter="head.weight")) == "train.py, line 3 · head.weight"
    assert not Location()


def test_it_shows_itself_as_text_and_html(sick):
    bundle = sick._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    for shown in bundle.values():
        assert "ND401" in shown
        assert "not checked" in shown
    assert "your session was left as it was" in bundle["text/plain"]


def test_it_is_a_frame_a_figure_and_a_file(sick, tmp_path):
    frame = sick.to_frame()
    assert list(frame["code"])[0] == "ND401"
    assert sick.figure() is not None
    page = sick.save(str(tmp_path / "report.html"))
    assert "ND401" in Path(page).read_text()
    assert nbdebug.Report.from_dict(json.loads(Path(sick.save(str(tmp_path / "r.json"))).read_text())) == sick


def test_the_last_report_is_kept(sick):
    report = nbdebug.first_step(training(mlp()))
    assert nbdebug.last_report() is report


def test_a_symptom_is_folded_under_its_cause():
    cause = Finding("ND401", "activation", ERROR, "m", "a")
    symptom = Finding("ND701", "cannot overfit", ERROR, "m", "a")
    other = Finding("ND406", "initial loss", WARNING, "m", "a")
    (kept, unrelated) = fold([cause, symptom, other])
    assert kept.code == "ND401"
    assert [s.code for s in kept.symptoms] == ["ND701"]
    assert unrelated == other


def test_a_symptom_of_a_symptom_goes_to_the_root():
    chain = [Finding(code, "t", ERROR, "m", "a") for code in ("ND102", "ND307", "ND502", "ND701")]
    (root,) = fold(chain)
    assert root.code == "ND102"
    assert {s.code for s in root.symptoms} == {"ND307", "ND502", "ND701"}


def test_an_info_explains_nothing():
    info = Finding("ND107", "imbalance", INFO, "m", "a")
    symptom = Finding("ND701", "cannot overfit", ERROR, "m", "a")
    assert fold([info, symptom]) == (info, symptom)


@pytest.mark.parametrize(("budget", "seconds"), [("20 s", 20), ("2 min", 120), (3, 3), ("500 ms", 0.5), (None, None)])
def test_a_budget_is_said_as_people_say_it(budget, seconds):
    assert seconds_of(budget) == seconds


def test_a_budget_that_is_none_is_refused():
    with pytest.raises(nbdebug.SetupError, match="20 s"):
        seconds_of("soon")


def test_no_budget_left_means_not_checked_not_sound():
    report = nbdebug.checkup(training(mlp()), budget="0 s")
    states = {verdict.code: verdict for verdict in report.verdicts}
    assert states["ND701"].state == "not checked"
    assert "budget" in states["ND701"].reason


def test_what_is_missing_is_a_reason():
    report = nbdebug.checkup(training(mlp(), optimizer=None))
    (verdict,) = [v for v in report.verdicts if v.code == "ND601"]
    assert (verdict.state, verdict.reason) == ("not checked", "no optimizer was given")


# -- instruments that live in this test ------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    count: int

    def panels(self):
        return (Note("count", str(self.count)),)


@pytest.fixture
def slow_count():
    @instrument(title="count", level="code", result=Counted)
    def count(setup):
        """Counts for ever."""
        number = 0
        while True:
            number += 1
            if number == 5:
                raise KeyboardInterrupt
            yield Counted(number)

    @count.check("ND998", "even", severity=WARNING, advice="be odd")
    def even(result):
        if result.count % 2 == 0:
            yield Seen(f"{result.count} is even")

    yield count
    del INSTRUMENTS["count"], RESULTS["count"]


def test_an_interrupt_loses_nothing_and_goes_on(slow_count):
    with pytest.raises(KeyboardInterrupt) as caught:
        slow_count(training(mlp()))
    report = caught.value.report
    assert report.result == Counted(4)
    assert report.stopped == "interrupted"
    assert [f.code for f in report.findings] == ["ND998"]
    assert report.proof.changes == ()
    assert nbdebug.last_report() is report


def test_a_budget_stops_a_long_measurement(slow_count):
    report = slow_count(training(mlp()), budget=0)
    assert report.result == Counted(1)
    assert "budget" in report.stopped


@pytest.fixture
def my_check():
    yield
    for code in [code for code in CHECKS if code.startswith("ND99")]:
        del CHECKS[code], own.checks[code]


def test_the_users_own_check_runs_in_checkup(my_check):
    @nbdebug.check("ND991", "small head", advice="make it larger")
    def small_head(setup):
        if setup.model[2].out_features < 20:
            yield "the head has fewer than 20 outputs"

    report = nbdebug.checkup(training(mlp()))
    (finding,) = [f for f in report.findings if f.code == "ND991"]
    assert (finding.message, finding.advice) == ("the head has fewer than 20 outputs", "make it larger")


def test_a_mistake_in_the_users_check_hides_nothing(my_check):
    @nbdebug.check("ND992", "broken")
    def broken(setup):
        return setup.no_such_thing

    report = nbdebug.checkup(training(mlp()))
    (verdict,) = [v for v in report.verdicts if v.code == "ND992"]
    assert verdict.state == "not checked"
    assert "AttributeError" in verdict.reason


def test_a_check_run_again_replaces_itself(my_check):
    for answer in ("one", "two"):
        nbdebug.check("ND993", "twice")(lambda setup, answer=answer: answer)
    report = nbdebug.checkup(training(mlp()))
    assert [f.message for f in report.findings if f.code == "ND993"] == ["two"]


def test_nbdebugs_own_codes_are_not_the_users():
    with pytest.raises(nbdebug.CodeError, match="ND901 to ND999"):
        nbdebug.check("ND401", "mine")


def test_names_from_the_model_reach_html_escaped():
    model = nn.Sequential()
    model.add_module("<script>alert(1)</script>", nn.Linear(64, 10))
    report = nbdebug.checkup(training(nn.Sequential(model, nn.Softmax(1)), train_loader=loader(*features())))
    assert "<script" not in report._repr_mimebundle_()["text/html"]


def test_fifty_layers_stay_under_300_kb():
    layers = [layer for _ in range(50) for layer in (nn.Linear(32, 32), nn.LayerNorm(32), nn.ReLU())]
    model = nn.Sequential(nn.Linear(64, 32), *layers, nn.Linear(32, 10))
    shown = nbdebug.checkup(training(model), budget="60 s")._repr_mimebundle_()["text/html"]
    assert len(shown.encode()) < 300_000
