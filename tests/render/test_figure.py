"""The page as a matplotlib figure, compared by what is on its axes and not by pixels."""

import warnings

import matplotlib
import pytest

from nbdebug.page import Heatmap, Histogram, Page, Section
from nbdebug.render import figure
from tests.render import sample_pages as pages


def words_of(drawn):
    return "\n".join(text.get_text() for text in drawn.findobj(matplotlib.text.Text))


def test_each_panel_that_can_be_drawn_gets_its_place():
    drawn = figure.render(pages.RICH)
    titles = [place.get_suptitle() for place in drawn.subfigs]
    assert titles[:3] == ["Inputs", "Training against validation", "Most confident mistakes"]
    assert len(titles) == 10  # nine panels in a grid of two columns


def test_the_findings_are_in_the_title():
    title = figure.render(pages.RICH).get_suptitle()
    assert "2 errors · 2 warnings" in title
    assert "error ND601 parameter not optimised · src/experiments" in title


def test_a_curve_has_its_points():
    drawn = figure.render(Page("t", "", (), (), pages.CALM.sections))
    lines = drawn.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["1 sample", "10 samples", "expected"]
    assert lines[0].get_ydata()[0] == pytest.approx(2.31)


def test_without_a_drawing_there_is_a_small_figure_of_words():
    drawn = figure.render(pages.CHANGED)
    assert drawn.axes == []
    assert "Your session was changed" in words_of(drawn)
    assert drawn.get_size_inches()[1] < 2


@pytest.mark.parametrize("name", ["odd", "empty", "calm"])
def test_odd_numbers_are_drawn_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figure.render(pages.ALL[name])._repr_png_().startswith(b"\x89PNG")


def test_matplotlib_is_left_as_it_was_and_pyplot_never_hears_of_the_figure():
    import matplotlib.pyplot as plt

    plt.rcParams["lines.linewidth"] = 7.5
    before, known = dict(matplotlib.rcParams), plt.get_fignums()
    figure.render(pages.RICH)
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == known
    matplotlib.rcdefaults()


def test_a_dollar_in_a_name_is_not_a_formula():
    assert all(
        not t.get_parse_math()
        for t in figure.render(pages.RICH).findobj(matplotlib.text.Text)
        if "$" in t.get_text()
    )


def drawn_alone(panel):
    return figure.render(Page("t", "", (), (), (Section("s", "data", (panel,)),))).axes[0]


def test_classes_are_bars_side_by_side_with_their_names():
    counts = {"train": (5, 3, 9), "val": (2, 1, 3)}
    axes = drawn_alone(Histogram("class balance", (-0.5, 0.5, 1.5, 2.5), counts, "label", bins=("cat", "dog", "eel")))
    assert [bar.get_height() for bar in axes.patches] == [5, 3, 9, 2, 1, 3]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["cat", "dog", "eel"]
    assert all(abs(bar.get_x() + bar.get_width() / 2 - number) < 0.5 for bar, number in zip(axes.patches, (0, 1, 2, 0, 1, 2), strict=True))
    nameless = drawn_alone(Histogram("class balance", (-0.5, 0.5, 1.5, 2.5), counts, "label"))
    assert [text.get_text() for text in nameless.get_xticklabels()] == ["0", "1", "2"]


def test_the_names_of_many_rows_stand_at_even_distances():
    rows = tuple(f"batch {i}" for i in range(20))
    axes = drawn_alone(Heatmap("classes by batch", rows, ("0", "1"), ((1.0, 2.0),) * 20))
    assert [text.get_text() for text in axes.get_yticklabels()] == [f"batch {i}" for i in range(0, 20, 2)]
