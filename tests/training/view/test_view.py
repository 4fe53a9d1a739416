"""A run in a picture, and the live box with its buttons; without processes, told by a monitor."""

from __future__ import annotations

import threading
import time

import pytest

from nbdebug.errors import LaunchError
from nbdebug.render import html, text
from nbdebug.training import events, view
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import FUNCTION
from nbdebug.training.monitor import Monitor
from nbdebug.training.run import Run
from nbdebug.training.view import answering
from nbdebug.training.view.box import Box
from nbdebug.training.view.buttons import Buttons
from nbdebug.training.view.picture import Pictures


class Keeper:
    """Looks after nothing; remembers what it was asked."""

    def __init__(self):
        self.monitor = Monitor(2)
        self.ended = threading.Event()
        self.asked = []

    def tell(self, kind, **fields):
        self.asked.append(kind)

    def stop(self, reason, grace):
        self.asked.append(f"stop: {reason}")


@pytest.fixture
def run(tmp_path):
    folder = RunFolder.create("digits", tmp_path)
    folder.config.write_text("training:\n  max_steps: 40\n")
    folder.tell(created=time.time() - 65, kind="setup")
    made = Run(folder).kept_by(Keeper())
    made.history.note("a note <b>")
    made._keeper.monitor.begin()
    made._keeper.monitor.actions()
    for rank in range(2):
        made._keeper.monitor.born(rank)
    made._keeper.monitor.started()
    return made


def says(run, kind, rank=0, **fields):
    run._keeper.monitor.heard(events.event(kind, rank, 0, 0, fields))


def trains(run):
    for rank in range(2):
        says(run, "hello", rank, pid=1, host="here", device="cpu")
        says(run, "beat", rank, step=10, epoch=0, phase="train", memory=2.5e8, data_wait=0.25, samples_per_second=1000.0)
    says(run, "metric", step=1, metrics={"loss": 2.0})
    says(run, "metric", step=10, metrics={"loss": 1.0})
    says(run, "log", 1, stream="out", text="hello from rank 1\n")


def ends(run, state, failure=None):
    run._keeper.monitor.state = state
    run._keeper.ended.set()


def test_before_anything_is_known_there_is_a_picture(run):
    picture = Pictures(run).take()
    assert picture.line() == "starting · 1:05"
    assert picture.curves == () and picture.done is None
    assert [row[1] for row in picture.ranks.rows] == ["starts", "starts"]


def test_a_picture_of_a_run_that_trains(run):
    trains(run)
    picture = Pictures(run).take()
    assert picture.line() == "running · step 10 of 40 · loss 1 · 2,000 samples/s · 1:05"
    assert picture.done == 0.25
    assert picture.ranks.rows[1] == (1, "trains", 10, 1000, 250, 25, "cpu")
    assert picture.curves[0].series == {"training": (2.0, 1.0)}
    assert picture.printed == "1│ hello from rank 1"
    assert "a note <b>" in text.render(picture.page())
    assert "a note &lt;b&gt;" in html.render(picture.page())


def test_a_loop_of_ones_own_has_no_length(run):
    run.folder.tell(kind=FUNCTION)
    trains(run)
    assert Pictures(run).take().line().startswith("running · step 10 · loss 1")


def test_the_share_of_epochs_is_known_when_the_first_is_over(run):
    run.folder.config.write_text("training:\n  epochs: 5\n")
    pictures = Pictures(run)
    trains(run)
    assert pictures.take().done is None
    says(run, "beat", step=20, epoch=1, phase="train")
    assert pictures.take().done == pytest.approx(0.2)
    says(run, "beat", step=30, epoch=1, phase="train")
    assert pictures.take().done == pytest.approx(0.3)


def test_a_box_sends_only_what_has_changed(run):
    trains(run)
    box, pictures, sent = Box(Buttons(run)), Pictures(run), []
    box.put(pictures.take())
    for name, part in box._parts.items():
        part.observe(lambda change, name=name: sent.append(name), names="value")
    box.put(pictures.take())
    assert sent == []
    says(run, "log", 0, stream="out", text="more\n")
    box.put(pictures.take())
    assert sent == ["printed"]
    assert "<b>" not in box._parts["told"].value


def test_buttons_ask_the_run_and_follow_its_state(run):
    buttons = Buttons(run)
    button = buttons._buttons
    assert [name for name in button if not button[name].disabled] == ["stop"]  # nothing can be paused that does not run
    trains(run)
    buttons.follow(run.state, ended=False)
    button["pause"].click()
    for rank in range(2):
        says(run, "beat", rank, step=10, phase="paused")
    buttons.follow(run.state, ended=False)
    assert button["pause"].description == "Resume"
    button["pause"].click()
    button["stop"].click()
    assert run._keeper.asked == ["pause", "resume", "stop: stopped with the button"]
    buttons.follow("stopping", ended=False)
    assert button["stop"].description == "Stop now"
    ends(run, "interrupted")
    buttons.follow(run.state, ended=True)
    assert buttons.widget.children[0].layout.display == "none"


def test_a_click_does_not_wait_and_what_went_wrong_is_said(run, monkeypatch):
    trains(run)
    buttons, go = Buttons(run), threading.Event()

    def slow(self):
        go.wait(240)
        raise LaunchError("the run took no <snapshot>")

    monkeypatch.setattr(Run, "snapshot", slow)
    buttons._buttons["snapshot"].click()
    assert "taking a snapshot" in buttons._said.value
    go.set()
    until = time.monotonic() + 240
    while "no &lt;snapshot&gt;" not in buttons._said.value and time.monotonic() < until:
        time.sleep(0.01)
    assert "the run took no &lt;snapshot&gt;" in buttons._said.value


def test_buttons_do_not_keep_the_run(run, tmp_path):
    other = Run(RunFolder.create("other", tmp_path)).kept_by(Keeper())
    buttons = Buttons(other)
    del other
    buttons._buttons["stop"].click()
    assert "nbdebug.attach()" in buttons._said.value


def test_a_click_goes_to_the_thread_that_the_front_end_asks_for():
    class Comm:
        def _reply_subshell_for(self, data, thread):
            return None  # the thread that runs the cell

    class Widget:
        comm = Comm()

    answering.also_while_cells_run(Widget)
    assert Widget.comm._reply_subshell_for({}, "second") == "second"
    Widget.comm = object()  # of another ipykernel
    answering.also_while_cells_run(Widget)


def test_without_a_notebook_the_run_is_a_page(run):
    trains(run)
    with pytest.raises(NotImplementedError):
        run._ipython_display_()
    bundle = run._repr_mimebundle_()
    assert "running · step 10 of 40" in bundle["text/plain"] and "<svg" in bundle["text/html"]
    with view.while_waiting(run):  # nobody looks: nothing is shown
        assert run._callbacks == []
