"""How a watched training is laid out, told from results made by hand."""

from __future__ import annotations

import math
import re

import pytest

from nbdebug.errors import SetupError
from nbdebug.findings import ERROR, Finding, Location
from nbdebug.instruments.report import Report
from nbdebug.instruments.watch.frame import history, tensors
from nbdebug.instruments.watch.live import LiveView, Losses, Now
from nbdebug.instruments.watch.panels import panels_of
from nbdebug.instruments.watch.panels.history import (
    COLUMNS,
    history_of,
    magnitudes_by_step,
    ridge_of,
    shares_at,
)
from nbdebug.instruments.watch.panels.loop import said
from nbdebug.instruments.watch.panels.tensors import over_steps, rms_by_step, update_ratios
from nbdebug.instruments.watch.picking import figure, widget
from nbdebug.instruments.watch.result import Event, Track, WatchResult
from nbdebug.page import Curve, Heatmap, Note, Page, Section, Table
from nbdebug.render import html, text
from tests.instruments import watch_results as results
from tests.instruments.watch_results import run, tensor, track


def panel(result: WatchResult, title: str):
    """The one panel whose title begins so."""
    (found,) = [p for p in panels_of(result) if p.title.startswith(title)]
    return found


def page(result: WatchResult) -> Page:
    return Page("watch", "", (), (), (Section("watch", "optimisation", panels_of(result), result.seconds),), ("1 s",))


# -- curves -----------------------------------------------------------------------------------------------------


def test_training_and_validation_loss_share_an_axis_and_keep_their_own_steps():
    curve = panel(results.CNN, "loss")
    assert list(curve.series) == ["loss", "validation loss"]
    assert curve.x == tuple(map(float, range(190)))
    assert curve.own_x["validation loss"] == (0.0, 50.0, 100.0, 150.0)
    assert "bad" not in html.render(page(results.CNN)).split("</svg>")[0].split("<svg")[1]  # steps without validation are no gaps


@pytest.mark.parametrize(("last", "log"), [(0.02, True), (0.03, False), (-1.0, False)])
def test_a_loss_over_more_than_two_decades_is_drawn_by_logarithm(last, log):
    loss = track("loss", [2.5, 1.0, last])
    assert panel(WatchResult(3, 1, 1.0, None, tracks={"loss": loss}), "loss").log_y is log


def test_extremes_of_thinned_points_are_drawn_and_told():
    curve = panel(results.LONG, "loss")
    low, high = curve.spread["loss"]
    assert (low[0], high[0]) == pytest.approx((0.7 * curve.series["loss"][0], 1.3 * curve.series["loss"][0]))
    assert "lowest and highest" in curve.caption
    source = html.render(page(results.LONG))
    assert '<path class="a s0"' in source
    highest = max(high)
    assert f"{highest:.3g}" in source  # in numbers too, and not only the highest mean
    assert panel(results.CNN, "loss").spread == {}


def test_a_nan_in_the_loss_is_marked():
    loss = track("loss", [1.0, 0.9, math.nan, math.nan])
    result = WatchResult(4, 1, 1.0, None, tracks={"loss": loss})
    source = html.render(page(result))
    assert 'class="bad"' in source and "2, first at step 2" in source


def test_curves_by_group_stand_with_their_total_and_own_numbers_by_themselves():
    names = ("gradient norm", "gradient norm opt, group 0", "gradient norm opt, group 1", "learning rate", "accuracy", "seconds")
    result = WatchResult(2, 1, 1.0, None, tracks={name: track(name, [1.0, 2.0]) for name in names})
    assert list(panel(result, "gradient norm").series) == list(names[:3])
    assert list(panel(result, "logged by you").series) == ["accuracy"]
    assert list(panel(result, "seconds a step").series) == ["seconds"]


def test_the_norm_of_a_single_group_is_drawn_once_also_when_it_becomes_nan():
    names = ("gradient norm", "gradient norm opt")
    result = WatchResult(2, 1, 1.0, None, tracks={name: track(name, [1.0, math.nan]) for name in names})
    assert list(panel(result, "gradient norm").series) == ["gradient norm"]


@pytest.mark.parametrize(("last", "place"), [(1.0, -1), (0.5, 1)])
def test_a_learning_rate_that_never_changes_does_not_take_the_first_place(last, place):
    tracks = {"loss": track("loss", [2.0, 1.0]), "learning rate": track("learning rate", [1.0, last]), "gradient norm": track("gradient norm", [1.0, 2.0])}
    titles = [p.title for p in panels_of(WatchResult(2, 1, 1.0, None, tracks=tracks))]
    assert titles[place] == "learning rate"


# -- the loop ---------------------------------------------------------------------------------------------------


def test_the_loop_is_told_line_by_line_the_usual_update_first():
    table = panel(results.CNN, "the loop as it ran: 189 of 190 updates")
    assert [(row[0], row[1]) for row in table.rows] == [
        ("Cell In[4], line 3", "a batch of train_loader"),
        ("Cell In[4], line 4", "optimizer.zero_grad()"),
        ("Cell In[4], line 5", "model(…) in train mode"),
        ("Cell In[4], line 5", "cross_entropy(…)"),
        ("Cell In[4], line 6", "backward, reaches optimizer"),
        ("Cell In[4], line 7", "optimizer.step()"),
    ]
    other = panel(results.CNN, "the loop at step 189")
    assert other.rows[-1] == ("Cell In[4], line 12", "model(…) in eval mode, no gradients", 7)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event("step", "opt", Location(), {"gradients": "none"}), "opt.step(), with no gradients"),
        (Event("step", "opt", Location(), {"skipped": True}), "opt.step() skipped by the scaler"),
        (Event("zero", "opt", Location(), {"threw": "opt"}), "opt.zero_grad(), throws away gradients of opt that no step had used"),
        (Event("step", "opt", Location(), {"stale": True}), "opt.step(), with used gradients"),
        (Event("backward", "", Location(), {"reached": "opt", "onto": "opt"}), "backward, adds to gradients of opt"),
        (Event("backward", "", Location(), {"reached": "opt, d", "onto": "d"}), "backward, adds to gradients of d, reaches opt, d"),
        (Event("backward", "", Location(), {"reached": "", "retain": True}), "backward, reaches no optimizer, keeps its graph"),
        (Event("clip", "opt", Location(), {"limit": 1.0, "by": "norm"}), "gradients of opt clipped by norm to 1"),
        (Event("schedule", "sched", Location(), {"early": True}), "sched.step(), before any step of its optimizer"),
        (Event("load", "net", Location(), {"matched": 3, "missing": 2}), "net.load_state_dict(…): 3 matched, 2 missing"),
    ],
)
def test_a_call_is_told_in_the_words_of_the_code(event, words):
    assert said(event) == words


def test_every_kind_of_event_has_words():
    kinds = re.findall(r"^    \| (\w+) +\|", Event.__doc__, re.MULTILINE)
    assert len(kinds) > 10
    facts = {"limit": 1.0, "by": "norm"}
    assert not [kind for kind in kinds if kind != "kind" and said(Event(kind, "it", Location(), facts)) == kind]


# -- tensors ----------------------------------------------------------------------------------------------------


def test_a_row_a_layer_and_a_column_a_sampled_step():
    heat = panel(results.ONE_STEP, "activation size")
    assert (heat.rows, heat.columns, heat.log) == (("0", "2"), ("0",), True)


def test_columns_that_stand_for_several_steps_show_the_largest():
    spike = tensor("a", "activation", [1.0] * 100 + [50.0] + [1.0] * 99)
    heat = over_steps("t", [spike], rms_by_step, each="layer", unit="rms")
    assert len(heat.columns) <= 64
    assert max(heat.values[0]) == 50.0
    assert "the largest of up to 4 sampled steps" in heat.caption


def test_nan_in_a_layer_is_never_thinned_away():
    deep = run([f"b.{i}" for i in range(1000)], 20, bad={7: 1})
    heat = panel(deep, "activation size")
    assert 60 <= len(heat.rows) <= 64 and f"{len(heat.rows)} of 1,000 layers" in heat.caption
    assert math.inf in heat.values[heat.rows.index("b.500")]
    assert "red: NaN or Inf in it" in heat.caption
    assert panel(deep, "layers").rows[0][0] == "b.500"  # the table in HTML ends after a hundred rows


def test_update_to_weight_is_the_ratio_of_their_rms_at_the_same_step():
    weight, update = tensor("w", "weight", [0.5, 0.5, 0.25]), tensor("w", "update", [5e-4, 1e-3, 1e-3])
    result = WatchResult(3, 1, 1.0, None, tensors=(weight, update))
    assert update_ratios(result)["w"] == pytest.approx({0: 1e-3, 1: 2e-3, 2: 4e-3})
    row = dict(zip(panel(result, "parameters").columns, panel(result, "parameters").rows[0], strict=False))
    assert (row["update / weight"], row["lowest"], row["highest"]) == pytest.approx((2e-3, 1e-3, 4e-3))
    assert "1e-3" in panel(result, "update against weight").caption


def test_shares_add_up_and_nan_stands_for_itself():
    bad = tensor("a", "activation", [1.0, 1.0], elements=1000, bad={1: 250})
    assert sum(shares_at(bad, 0)) == pytest.approx(1.0)
    assert sum(shares_at(bad, 1)) == pytest.approx(1.0)
    assert dict(zip(COLUMNS, shares_at(bad, 1), strict=True))["NaN"] == 0.25


def test_a_tensor_of_nothing_but_nan_is_all_nan():
    gone = tensor("a", "activation", [1.0], elements=64, bad={0: 64})
    assert shares_at(gone, 0)[-1] == 1.0
    assert magnitudes_by_step(gone).rows == ("NaN", "0")


def test_magnitudes_of_the_last_step_name_where_nan_is():
    sick = run(["a", "b", "c"], 5, bad={4: 12})
    heat = panel(sick, "activation magnitudes at step 4")
    assert heat.columns[:2] == ("0", "subnormal") and heat.columns[-3:] == ("+Inf", "−Inf", "NaN")
    assert "NaN or Inf in b (12 of 4,096)" in heat.caption
    assert "no NaN or Inf" in panel(sick, "weight magnitudes").caption


def test_the_report_itself_holds_the_history_of_a_few_layers_the_sick_one_first():
    titles = [p.title for p in panels_of(results.NAN) if p.title.endswith("activation, step by step")]
    assert titles[0].startswith("body.3:")
    assert {"body.0: activation, step by step", "body.5: activation, step by step"} <= set(titles)


def test_a_layer_can_be_picked_and_every_layer_seen_at_a_step():
    heat, sizes = history_of(results.NAN, "activation", "body.3")
    assert heat.rows[0] == "NaN" and heat.rows[-1] == "0"
    assert isinstance(sizes, Curve) and sizes.log_y
    assert history_of(results.NAN, "activation", "nowhere") == ()
    ridge = ridge_of(results.NAN, "activation", 61)
    assert list(ridge.counts) == [f"body.{i}" for i in range(6)]
    assert "body.3 has 4,096 NaN or Inf" in ridge.caption
    assert all(len(counts) == len(ridge.edges) - 1 for counts in ridge.counts.values())


def test_bins_of_a_ridge_lie_where_their_magnitudes_are():
    ridge = ridge_of(WatchResult(1, 1, 1.0, None, tensors=(tensor("a", "weight", [1.0]),)), "weight", 0)
    fullest = max(range(len(ridge.counts["a"])), key=ridge.counts["a"].__getitem__)
    assert (ridge.edges[fullest], ridge.edges[fullest + 1]) == (0.0, 1.0)  # log2 of 1 to 2


def test_a_figure_of_one_layer_and_a_mistyped_name():
    assert figure(results.CNN, "head").get_axes()
    assert figure(results.CNN, step=100).get_axes()
    with pytest.raises(SetupError, match="did you mean 'head'"):
        figure(results.CNN, "haed")
    with pytest.raises(SetupError, match="no 'weights' was seen"):
        figure(results.CNN, what="weights")


def test_the_widget_follows_what_is_picked():
    _, pick = widget(Report("watch", "watch", "optimisation", results.NAN)).children
    kind, name, one, step, every = (
        next(w for row in pick.children for w in (row, *getattr(row, "children", ())) if css in getattr(w, "_dom_classes", ()))
        for css in ("nbd-kind", "nbd-name", "nbd-one", "nbd-step", "nbd-all")
    )
    name.value = "body.3"
    assert "body.3: activation, step by step" in one.value and "NaN" in one.value
    step.value = 61
    assert "activation of every layer at step 61" in every.value
    kind.value = "gradient"
    assert "body.0.weight: gradient, step by step" in one.value


# -- the whole --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", results.ALL)
def test_every_result_can_be_shown_everywhere_and_stays_small(name):
    shown = page(results.ALL[name])
    size = len(html.render(shown).encode())
    print(f"{name}: {size / 1000:.0f} kB")
    assert size < 400_000
    assert len(text.render(shown)) < 40_000


def test_panels_come_only_where_there_is_something():
    assert [type(p) for p in panels_of(results.NOTHING)] == [Note]
    assert {type(p) for p in panels_of(results.NO_LAYERS)} == {Curve, Table}
    assert not [p for p in panels_of(results.CNN) if isinstance(p, Heatmap) and not p.rows]


# -- pandas -----------------------------------------------------------------------------------------------------


def test_the_history_has_a_row_a_step_and_gaps_where_nothing_was_measured():
    frame = history(results.CNN)
    assert (frame.index.name, len(frame)) == ("step", 190)
    assert frame.loc[50, "validation loss"] == 1.4 and math.isnan(frame.loc[51, "validation loss"])
    assert not [name for name in frame if name.endswith((" low", " high"))]


def test_the_history_of_a_long_run_has_its_extremes():
    frame = history(results.LONG)
    assert (frame["loss low"] < frame["loss"]).all() and (frame["loss"] < frame["loss high"]).all()


def test_a_number_logged_twice_in_a_step_counts_once():
    twice = WatchResult(1, 1, 1.0, None, tracks={"f1": Track("f1", (0, 0, 1), (0.1, 0.2, 0.3), (0.1, 0.2, 0.3), (0.1, 0.2, 0.3))})
    assert history(twice)["f1"].tolist() == [0.2, 0.3]
    assert history(results.NOTHING).empty


def test_tensors_in_long_form():
    frame = tensors(results.NAN)
    sick = frame[(frame["name"] == "body.3") & (frame["what"] == "activation")].set_index("step")
    assert sick.loc[[59, 60, 61], "nan"].tolist() == [0, 1, 4096]


# -- while it runs ----------------------------------------------------------------------------------------------


class Stage:
    """A place to show things, and a clock that every showing moves on."""

    is_seen = True

    def __init__(self, cost: float = 0.0) -> None:
        self.now, self.cost, self.shown = 0.0, cost, []

    def __call__(self) -> float:
        return self.now

    def show(self, glance, *, now: bool) -> None:
        self.shown.append((self.now, glance))
        self.now += self.cost

    def close(self) -> None:
        self.is_seen = False


FOUND = Finding("ND603", "gradient not cleared", ERROR, "m", "a", Location(cell=4, line=6))


def watched(steps: int, cost: float = 0.0, report=None) -> Stage:
    """A loop of steps of 10 ms before this stage; a report costs half a second."""
    stage = Stage(cost)
    view = LiveView(live=stage, clock=stage)

    def costly() -> Report:
        stage.now += 0.5
        return Report("watch", "watch", "optimisation", results.CNN, (FOUND,))

    for step in range(steps):
        stage.now += 0.01
        view.step(Now(step, 1 / (1 + step), 0.01, 0.2, 1 + step // 50, 1 + step % 50, 50, report or costly))
    return stage


def test_the_view_moves_at_most_twice_a_second_and_costs_less_than_a_percent():
    times = [at for at, _ in watched(2000, cost=0.001).shown]
    assert all(b - a >= 0.5 for a, b in zip(times, times[1:], strict=False))
    slow = watched(20_000, cost=0.1)
    assert 5 <= len(slow.shown) <= 11  # twenty seconds between two of them
    assert watched(20_000).now < 20_000 * 0.01 * 1.01  # with a report that costs half a second each time


def test_the_first_refresh_is_slow_and_does_not_hold_up_the_next():
    class Loading(Stage):
        def show(self, glance, *, now: bool) -> None:
            super().show(glance, now=now)
            self.cost = 0.001

    stage = Loading(1.0)
    view = LiveView(live=stage, clock=stage)
    for step in range(400):
        stage.now += 0.01
        view.step(Now(step, 1.0, 0.01, None, 1, step, 500, lambda: Report("watch", "watch", "optimisation", results.CNN)))
    assert stage.shown[1][0] - stage.shown[0][0] < 1.6


def test_the_view_says_how_far_it_is_and_what_is_found():
    stage = watched(2000)
    _, glance = stage.shown[-1]
    assert "of 50" in glance.line and "steps/s" in glance.line and "20% waiting for data" in glance.line
    assert "loss 0.0005" in glance.line and "left" not in glance.line  # half a second is not worth a word
    assert 0 < glance.done <= 1
    assert [f.code for f in glance.findings] == ["ND603"]
    assert [type(p) for p in glance.panels] == [Curve, Heatmap]
    assert len(html.compact(glance)) < 100_000
    assert "ND603" in text.compact(glance) and "\n" not in text.compact(glance)


def test_the_view_says_how_long_the_rest_of_the_epoch_takes():
    stage = Stage()
    view = LiveView(live=stage, clock=stage)
    for step in range(200):
        stage.now += 0.1
        view.step(Now(step, None, 0.1, None, 1, 1 + step, 1000, lambda: Report("watch", "watch", "optimisation", results.NO_LAYERS)))
    assert stage.shown[-1][1].line.endswith("10 steps/s · 1:20 left in this epoch")
    assert stage.shown[-1][1].panels[0].title == "loss"  # from the result: this loop's losses come by and by


def test_a_view_that_fails_falls_silent_and_never_stops_the_loop():
    stage = watched(2000, report=lambda: 1 / 0)
    assert not stage.is_seen
    assert all(at < 3.6 for at, _ in stage.shown)


def test_a_glance_of_a_thousand_layers_stays_small():
    from nbdebug.instruments.watch.live import layer_map
    from nbdebug.page import Glance

    glance = Glance("watching", "step 1", panels=(layer_map(results.DEEP.tensors_of("activation")),))
    assert len(html.compact(glance)) < 60_000


def test_losses_are_kept_in_a_bounded_number_of_points():
    losses = Losses()
    for step in range(100_000):
        losses.add(step, float(step))
    curve = losses.curve()
    assert 200 < len(curve.x) <= 481 and curve.x[0] == 0
    assert curve.x == curve.series["loss"]
