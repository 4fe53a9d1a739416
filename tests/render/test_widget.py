"""The box of controls, driven by setting traits as a click would."""

import ipywidgets
import pytest

from nbdebug.render import widget
from tests.render import sample_pages as pages


def control(box, css_class):
    found = [w for w in _below(box) if css_class in getattr(w, "_dom_classes", ())]
    assert len(found) == 1, css_class
    return found[0]


def _below(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from _below(child)


@pytest.fixture
def box():
    return widget.render(pages.RICH)


def test_everything_is_shown_at_first_and_the_worst_is_open(box):
    assert "5 of 5 findings" in control(box, "nbd-count").value
    assert "ND401" in control(box, "nbd-detail").value
    assert "A batch" in control(box, "nbd-panels").options[0][0]


def test_a_severity_leaves_only_its_findings(box):
    control(box, "nbd-severity").value = "warning"
    assert "2 of 5 findings" in control(box, "nbd-count").value
    assert [label.split(" · ")[1] for label, _ in control(box, "nbd-finding").options] == ["ND102", "ND107"]
    assert "ND102" in control(box, "nbd-detail").value
    control(box, "nbd-severity").value = "all"
    assert "5 of 5 findings" in control(box, "nbd-count").value


def test_a_level_filters_findings_and_panels_together(box):
    control(box, "nbd-level").value = "optimisation"
    assert "1 of 5 findings" in control(box, "nbd-count").value
    assert "ND601" in control(box, "nbd-detail").value
    assert len(control(box, "nbd-panels").options) == 3


def test_filters_are_combined_and_may_leave_nothing(box):
    control(box, "nbd-level").value = "numbers"
    control(box, "nbd-severity").value = "info"
    assert "0 of 5 findings" in control(box, "nbd-count").value
    assert control(box, "nbd-finding").disabled
    assert "No finding here" in control(box, "nbd-detail").value


def test_opening_a_finding_shows_its_evidence_unfolded(box):
    control(box, "nbd-finding").value = 1
    detail = control(box, "nbd-detail").value
    assert "ND601" in detail
    assert "<details open><summary>evidence" in detail
    assert "1,280,000" in detail


def test_jumping_to_a_panel_shows_it(box):
    options = control(box, "nbd-panels").options
    control(box, "nbd-panels").value = next(i for label, i in options if "How to reproduce" in label)
    assert "nbdebug.TrainingSetup" in control(box, "nbd-panel-view").value


def test_every_panel_can_be_jumped_to_and_nothing_is_unescaped():
    for page in (pages.RICH, pages.ODD):
        box = widget.render(page)
        panels, view = control(box, "nbd-panels"), control(box, "nbd-panel-view")
        seen = []
        for _, i in panels.options:
            panels.value = i
            seen.append(view.value)
        assert len(seen) == sum(len(section.panels) for section in page.sections)
        html = "".join(seen) + "".join(w.value for w in _below(box) if isinstance(w, ipywidgets.HTML))
        assert "<script" not in html


def test_a_calm_page_has_a_good_result_and_no_empty_list():
    box = widget.render(pages.CALM)
    assert "nothing found: 21 checks sound" in control(box, "nbd-count").value
    assert not any("nbd-finding" in getattr(w, "_dom_classes", ()) for w in _below(box))


def test_an_empty_page_still_is_a_box():
    assert "measured only" in control(widget.render(pages.EMPTY), "nbd-count").value


def test_two_widgets_of_one_page_do_not_touch_each_other(box):
    other = widget.render(pages.RICH)
    control(box, "nbd-severity").value = "info"
    assert "5 of 5 findings" in control(other, "nbd-count").value
