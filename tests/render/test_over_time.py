"""What a page of a running or long training needs: own steps, extremes, even shades, ridges, and a glance while it runs."""

from __future__ import annotations

import re

import pytest

from nbdebug.findings import ERROR, Finding, Location
from nbdebug.page import Curve, Glance, Heatmap, Histogram, Page, Section
from nbdebug.render import browse, figure, html, live, svg, text
from nbdebug.render.curves import summary_rows
from nbdebug.render.live import Live
from nbdebug.render.scales import extremes, shades

TRAINED = Curve(
    "loss", {"loss": (3.0, 2.0, 1.0), "validation": (2.5, 1.5)}, x=(0.0, 50.0, 100.0), own_x={"validation": (50.0, 100.0)},
    spread={"loss": ((2.0, 1.5, 0.5), (8.0, 2.5, 1.5))},
)  # fmt: skip
FOUND = Finding("ND603", "gradients <pile> up", ERROR, "m", "a", Location(cell=4, line=6))
GLANCE = Glance("watching", "step 12 · loss 0.5", 0.25, (FOUND,), (TRAINED,))


def page(*panels) -> Page:
    return Page("t", "", (), (), (Section("s", "", panels),))


def test_a_series_with_own_positions_begins_where_it_began():
    marks, along, _ = svg.curve(TRAINED)
    first, second = re.findall(r'class="l [^"]+" d="M(\d+)', marks)
    assert (first, second) == ("0", "500")
    assert "100" in [label for _, label in along]
    axes = figure.render(page(TRAINED)).get_axes()[0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.0, 50.0, 100.0], [50.0, 100.0]]


def test_extremes_shape_the_axis_the_area_and_the_numbers():
    marks, _, up = svg.curve(TRAINED)
    assert 'class="a s0"' in marks
    assert max(float(label) for _, label in up) >= 6
    (_, rows) = summary_rows(TRAINED)
    assert rows[0] == ("loss", 3.0, 1.0, 0.5, 8.0)
    assert figure.render(page(TRAINED)).get_axes()[0].collections


def test_drawing_extremes_together_loses_none():
    low, high = [1.0] * 1000, [2.0] * 1000
    low[501], high[777] = -9.0, 9.0
    drawn = extremes(range(1000), low, high, 50)
    assert len(drawn) <= 50
    assert (min(low for _, low, _ in drawn), max(high for *_, high in drawn)) == (-9.0, 9.0)


def test_shades_by_logarithm_are_a_decade_wide_at_least():
    levels, sized, _ = shades([[0.95, 1.0, 1.05]], 10, log=True)
    assert sized.log and sized.high / sized.low >= 9.99
    assert max(levels[0]) - min(levels[0]) <= 1  # what is nearly alike looks alike
    levels, _, _ = shades([[1e-6, 1e-3, 1.0, 0.0]], 10, log=True)
    assert levels == [[1, 5, 10, 0]]


@pytest.mark.parametrize("values", [((0.0, 0.0),), ((float("nan"),),), ((1.0,),)])
def test_odd_heatmaps_by_logarithm_are_drawn_everywhere(values):
    odd = Heatmap("h", ("a",), tuple(map(str, range(len(values[0])))), values, log=True)
    assert "nbd-cells" in html.render(page(odd))
    assert figure.render(page(odd))._repr_png_()
    assert "h" in text.render(page(odd))


def test_many_histograms_become_a_ridge_and_few_stay_over_each_other():
    many = Histogram("ridge", (0.0, 1.0, 2.0), {f"layer {i}": (1, i) for i in range(100)})
    axes = figure.render(page(many)).get_axes()[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "layer 0" and labels[-1] == "layer 99" and len(labels) == 24
    few = Histogram("few", (0.0, 1.0), {"a": (1,), "b": (2,)})
    assert figure.render(page(few)).get_axes()[0].get_legend() is not None


def test_a_glance_says_what_is_done_and_found_and_draws_without_numbers():
    source = html.compact(GLANCE)
    assert "width:25.0%" in source
    assert "ND603" in source and "&lt;pile&gt;" in source and "Cell In[4], line 6" in source
    assert "nbd-plot" in source and "<table" not in source
    assert text.compact(GLANCE) == "watching · step 12 · loss 0.5 · █▅▁ · ND603 gradients <pile> up"


def test_a_glance_of_unknown_length_has_no_bar():
    assert "nbd-bar" not in re.sub(r"<style>.*?</style>", "", html.compact(Glance("t", "l")), flags=re.S)


def test_a_live_line_can_be_refreshed_more_rarely(monkeypatch):
    class Place:
        shown = 0

        def show(self, content):
            Place.shown += 1

    now = [0.0]
    line = Live(every=2.0, clock=lambda: now[0])
    monkeypatch.setattr(line, "_place", Place())
    for second in range(10):
        now[0] = float(second)
        line.show("x")
    assert Place.shown == 5


def test_nobody_looks_at_a_pipe(monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr(live, "sys", SimpleNamespace(stderr=None, modules={}))
    assert not Live().is_seen


def test_browsing_offers_the_names_of_the_chosen_kind():
    asked = []

    def one(kind, name):
        asked.append((kind, name))
        return (Curve(f"<{kind} {name}>", {"a": (1.0, 2.0)}),)

    box = browse.render({"activation": ["a", "b"], "weight": ["w"]}, [0, 5, 9], one, lambda kind, step: ())
    controls = {css: w for row in box.children for w in (row, *getattr(row, "children", ())) for css in getattr(w, "_dom_classes", ())}
    assert controls["nbd-step"].value == 9
    controls["nbd-name"].value = "b"
    controls["nbd-kind"].value = "weight"
    assert asked[0] == ("activation", "a") and ("activation", "b") in asked and asked[-1] == ("weight", "w")
    assert ("activation", "w") not in asked and ("weight", "b") not in asked
    assert "&lt;weight w&gt;" in controls["nbd-one"].value
