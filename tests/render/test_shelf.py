"""Looking through samples and columns in a widget: what is chosen is what is shown."""

from __future__ import annotations

import dataclasses

import pytest

from nbdebug.findings import ERROR, Finding
from nbdebug.page import Collection, Histogram, Page, Sample, Table
from nbdebug.render import widget
from nbdebug.render.shelf import ON_A_PAGE, Shelf, named_by
from tests.render.sample_pages import HOSTILE, SCRIPT, picture

COPIES = Finding("ND105", "copies", ERROR, "copied", "look", evidence={"samples": "3,14,99", "split": "train_loader"})
PLAIN = Finding("ND101", "nan", ERROR, "there is a NaN", "look")


def sample(number: int, split: str = "train_loader", reasons: tuple[str, ...] = ()) -> Sample:
    group = HOSTILE if number % 3 == 0 else str(number % 3)
    return Sample(split, number, group, reasons, picture(f"{split} {number}", number))


COLLECTION = Collection(
    (*(sample(i, reasons=("all black",) if i in (5, 6) else ()) for i in range(30)), *(sample(i, "val_loader") for i in range(5))),
    {"train_loader": {HOSTILE: 10, "1": 1500, "2": 10}, "val_loader": {HOSTILE: 2, "1": 2, "7": 1}},
    {name: (Histogram(name, (0.0, 1.0, 2.0), {"train": (1, 2), "val": (3, 4)}), Table("statistics", ("", "mean"), (("train", 1.5),))) for name in ("age", HOSTILE)},
)  # fmt: skip


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(COLLECTION, (PLAIN, COPIES))


def shown(shelf: Shelf) -> list[str]:
    return [text.split('"')[0] for text in shelf.shown.value.split('alt="')[1:]]


def test_a_page_holds_twelve_and_the_buttons_turn_it(shelf):
    assert len(shown(shelf)) == ON_A_PAGE and shelf.page.max == 3 and shelf.before.disabled
    shelf.after.click()
    assert shelf.page.value == 2 and "13 to 24 of 35 samples" in shelf.shown.value
    shelf.after.click()
    assert len(shown(shelf)) == 11 and shelf.after.disabled and not shelf.before.disabled
    shelf.before.click()
    assert shelf.page.value == 2
    shelf.page.value = 1
    assert shown(shelf)[0] == "train_loader 0"


def test_a_class_is_offered_with_its_count_and_shows_its_samples(shelf):
    assert shelf.group.options[0] == ("all", "all") and ("1 (1,502)", "1") in shelf.group.options
    shelf.group.value = "1"
    assert all(int(name.split()[1]) % 3 == 1 for name in shown(shelf)) and len(shown(shelf)) == 12
    shelf.split.value = "val_loader"
    assert shown(shelf) == ["val_loader 1", "val_loader 4"]
    shelf.group.value = "7"
    assert shown(shelf) == [] and "none of these samples was kept" in shelf.shown.value
    shelf.split.value = "train_loader"  # which has no class 7
    assert shelf.group.value == "all"


def test_a_finding_and_a_reason_lead_to_their_samples(shelf):
    labels = [label for label, _ in shelf.named.options]
    assert labels[0] == "anything" and "ND105 copies" in labels[1] and labels[2] == "2. all black (2)"
    shelf.named.value = 1
    assert shown(shelf) == ["train_loader 3", "train_loader 14"] and "3 are named" in shelf.shown.value
    shelf.named.value = 2
    assert shown(shelf) == ["train_loader 5", "train_loader 6"]


def test_jumping_forgets_the_class_that_was_chosen(shelf):
    shelf.group.value = "1"
    shelf.jump(COPIES)
    assert shown(shelf) == ["train_loader 3", "train_loader 14"]
    shelf.jump(PLAIN)  # names none: everything again
    assert len(shown(shelf)) == ON_A_PAGE


def test_a_column_shows_its_histogram_and_its_statistics(shelf):
    assert "statistics" in shelf.view.value and "<svg" in shelf.view.value
    shelf.column.value = HOSTILE
    assert SCRIPT not in shelf.view.value and "&lt;script&gt;" in shelf.view.value


def test_nothing_of_the_users_is_markup(shelf):
    shelf.group.value = HOSTILE
    assert SCRIPT not in shelf.shown.value


@pytest.mark.parametrize("evidence, count", [({}, 0), ({"samples": ""}, 0), ({"samples": "1, 2,x", "split": "a"}, 2), ({"samples": 7, "split": "a"}, 1)])
def test_the_samples_of_a_finding(evidence, count):
    assert len(named_by(dataclasses.replace(PLAIN, evidence=evidence))) == count


@pytest.mark.parametrize("collection", [None, Collection(), Collection(samples=COLLECTION.samples), Collection(columns=COLLECTION.columns)])
def test_a_report_with_less_to_look_through(collection):
    box = widget.render(Page("data", "", (PLAIN, COPIES), (), (), collection=collection))
    assert len(box.children) >= 4


def test_choosing_a_finding_in_the_report_jumps_and_what_stands_open_at_first_does_not():
    controls = widget._Controls(Page("data", "", (PLAIN, COPIES), (), (), collection=COLLECTION))
    assert len(shown(controls.shelf)) == ON_A_PAGE
    controls.finding.value = 1
    assert shown(controls.shelf) == ["train_loader 3", "train_loader 14"]
