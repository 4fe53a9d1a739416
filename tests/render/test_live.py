"""The refreshed line or output, with a clock of our own and a made-up terminal or kernel."""

import io
import subprocess
import sys
from types import SimpleNamespace

import pytest

from nbdebug.render import live
from nbdebug.render.live import Live
from tests.render import sample_pages as pages


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def stderr(monkeypatch):
    """Puts a stream in the place of stderr, for the live line only: pytest needs the real one."""
    return lambda stream: (
        monkeypatch.setattr(live, "sys", SimpleNamespace(stderr=stream, modules={})) or stream
    )


@pytest.fixture
def terminal(stderr):
    return stderr(Terminal())


@pytest.fixture
def kernel(monkeypatch):
    """A notebook kernel that notes what is displayed, and under which handle."""
    import IPython
    import IPython.display

    noted = []

    class Handle:
        def display(self, bundle, raw):
            noted.append(("display", id(self), bundle))

        def update(self, bundle, raw):
            noted.append(("update", id(self), bundle))

    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr(IPython.display, "DisplayHandle", Handle)
    return noted


def test_a_terminal_gets_one_line_that_is_overwritten_and_taken_away(terminal):
    with Live() as line:
        line.show("step 1")
        line.show("step 2", now=True)
    assert terminal.getvalue() == "\rstep 1\x1b[K\rstep 2\x1b[K\r\x1b[K"


def test_refreshes_come_at_most_four_times_a_second(terminal):
    clock = Clock()
    line = Live(clock=clock)
    for step in range(100):  # ten seconds, ten steps a second
        clock.now = step / 10
        line.show(f"step {step}")
    assert terminal.getvalue().count("\r") == 34  # every third step: 0.3 s is the first at or beyond 0.25 s


def test_a_long_line_or_a_page_never_wraps(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    Live().show(pages.RICH)
    shown = terminal.getvalue().removeprefix("\r").removesuffix("\x1b[K")
    assert shown.startswith("Checkup · 2 errors")
    assert len(shown) == 39


def test_a_file_or_a_pipe_gets_nothing(stderr):
    stream = stderr(io.StringIO())
    with Live() as line:
        line.show("step 1")
    assert stream.getvalue() == ""


def test_no_stderr_at_all_is_no_trouble(stderr):
    stderr(None)
    with Live() as line:
        line.show("step 1")


def test_a_notebook_gets_one_output_that_ends_empty(kernel):
    with Live() as line:
        line.show("step <1>")
        line.show(pages.RICH, now=True)
    assert [kind for kind, *_ in kernel] == ["display", "update", "update"]
    assert len({handle for _, handle, _ in kernel}) == 1
    assert "step &lt;1&gt;" in kernel[0][2]["text/html"]
    assert "ND401" in kernel[1][2]["text/html"]
    assert kernel[2][2] == {"text/plain": "", "text/html": ""}


def test_an_interrupt_takes_the_output_away_and_goes_on(kernel):
    with pytest.raises(KeyboardInterrupt), Live() as line:
        line.show("step 1")
        raise KeyboardInterrupt
    assert kernel[-1][2]["text/html"] == ""


def test_nothing_shown_in_a_notebook_means_nothing_to_take_away(kernel):
    Live().close()
    assert kernel == []


def test_nothing_shown_in_a_terminal_means_nothing_to_take_away(terminal):
    Live().close()
    assert terminal.getvalue() == ""


def test_after_close_there_is_silence(kernel):
    line = Live()
    line.show("step 1")
    line.close()
    line.close()
    line.show("step 2", now=True)
    assert len(kernel) == 2


def test_ipython_is_not_imported():
    code = (
        "import sys\nfrom nbdebug.render.live import Live\n"
        "with Live() as line: line.show('step 1')\n"
        "heavy = {'IPython', 'matplotlib', 'seaborn', 'pandas', 'ipywidgets'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
