"""A person labels samples by clicking, and is told at the end."""

import ipywidgets
import pytest

from nbdebug.page import Page, Picture, Question, Quiz, Words
from nbdebug.render import widget
from nbdebug.render.asking import Asking, outcome
from tests.render.test_widget import _below, control

CLASSES = Quiz(
    tuple(
        Question(Words("", f"text {i}"), truth, {"the model": said, "class frequencies": "cat"})
        for i, (truth, said) in enumerate([("cat", "cat"), ("dog", "cat"), ("dog", "dog"), ("<b>", "<b>")])
    ),
    ("cat", "dog", "<b>"),
)
NUMBERS = Quiz(tuple(Question(Words("", "a row"), float(i), {"the model": i + 0.5}) for i in range(3)))


def click(asking, *choices):
    for choice in choices:
        asking.buttons[asking._quiz.choices.index(choice)].click()


def test_samples_come_one_after_the_other_and_nothing_is_told_before_the_end():
    asking = Asking(CLASSES)
    for i, choice in enumerate(("cat", "dog", "cat")):
        assert f"Sample {i + 1} of 4" in asking.asked.value and f"text {i}" in asking.asked.value
        assert asking.outcome.value == ""
        click(asking, choice)
    assert asking.given == ["cat", "dog", "cat"] and asking.outcome.value == ""


def test_at_the_end_everybody_stands_beside_each_other():
    asking = Asking(CLASSES)
    click(asking, "cat", "dog", "cat", "<b>")
    scores, confused, each = outcome(CLASSES, asking.given)
    assert scores.rows == (("you", 3, 4, "75%"), ("the model", 3, 4, "75%"), ("class frequencies", 1, 4, "25%"))
    assert confused.columns == ("it is", "taken for", "you", "the model") and confused.rows == (("dog", "cat", 1, 1),)
    assert each.rows[1] == (2, "dog", "dog", "cat", "cat")
    assert "75%" in asking.outcome.value and "<b>" not in asking.outcome.value.replace("<b>1</b>", "")
    assert asking._choices.layout.display == "none" and asking.skip.disabled


def test_one_may_go_back_and_begin_again_and_skip():
    asking = Asking(CLASSES)
    assert asking.back.disabled and asking.again.disabled
    click(asking, "dog")
    asking.back.click()
    assert asking.given == [] and "Sample 1 of 4" in asking.asked.value
    click(asking, "cat")
    for _ in range(3):
        asking.skip.click()
    assert "1 of 4 samples" in asking.asked.value
    assert outcome(CLASSES, asking.given)[0].rows[0] == ("you", 1, 1, "100%")
    asking.again.click()
    assert asking.given == [] and asking.outcome.value == "" and not asking.skip.disabled


def test_who_skips_all_is_told_so():
    asking = Asking(CLASSES)
    for _ in range(4):
        asking.skip.click()
    assert "0 of 4 samples" in asking.asked.value


def test_a_number_is_typed_and_the_distance_told():
    asking = Asking(NUMBERS)
    assert asking.buttons == []
    for answer in (0, 2, 2):
        asking.field.value = answer
        asking.answer.click()
    scores, each = outcome(NUMBERS, asking.given)
    assert scores.rows == (("you", pytest.approx(1 / 3)), ("the model", 0.5))
    assert len(each.rows) == 3


def test_of_many_classes_there_is_a_list():
    choices = tuple(f"class {i}" for i in range(40))
    asking = Asking(Quiz((Question(Words("", "x"), "class 7", {}),), choices))
    asking.field.value = "class 7"
    asking.answer.click()
    assert outcome(asking._quiz, asking.given)[0].rows == (("you", 1, 1, "100%"),)


def test_a_picture_is_drawn_large_enough_to_be_recognised():
    asking = Asking(Quiz((Question(Picture("", "iVBORw0KGgo=", 8, 8), "a", {}),), ("a", "b")))
    assert 'width="240" height="240"' in asking.asked.value


def test_the_widget_of_a_report_asks():
    box = widget.render(Page("baselines", "", (), (), (), quiz=CLASSES))
    assert "Sample 1 of 4" in control(box, "nbd-asked").value
    assert sum("nbd-choice" in w._dom_classes for w in _below(box) if isinstance(w, ipywidgets.Button)) == 3
    assert not [w for w in _below(widget.render(Page("x", "", (), (), ()))) if "nbd-quiz" in getattr(w, "_dom_classes", ())]
