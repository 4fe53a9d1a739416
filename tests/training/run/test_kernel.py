"""In a real kernel: interrupts, the kernel's death, whose cell an output belongs to, the line of an error."""

from __future__ import annotations

import os
import signal
import socket
import time
from functools import partial
from itertools import pairwise

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

import nbdebug
from nbdebug.training import checkpoint
from nbdebug.training.launching import launch
from tests.training.conftest import demand_within, lives, wait_for
from tests.training.run import trainings
from tests.training.run.notebook import Notebook, seconds_until_gone, tree

SOON = 1.0  # seconds that are promised; measured on a quiet machine: 0.1 to 0.4
AT_ONCE = 0.1  # seconds that are promised when the kernel is killed
LATE = 5.0  # seconds that a single try may take

CELL = """
from dataclasses import dataclass

class Squares(Dataset):
    def __len__(self): return 4000
    def __getitem__(self, n): return torch.full((4,), n / 4000), torch.tensor(n % 2)

def make(workers=0, size=4):
    model = nn.Sequential(nn.Linear(4, size), nn.ReLU(), nn.Linear(size, 2))
    loader = DataLoader(Squares(), batch_size=8, num_workers=workers, shuffle=True)
    return nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), loader)

@dataclass
class Batch:
    x: torch.Tensor
    y: torch.Tensor

def collate(items):
    return Batch(torch.stack([x for x, _ in items]), torch.stack([y for _, y in items]))

def loss_of(setup, batch):
    assert type(batch) is Batch
    return nn.functional.cross_entropy(setup.model(batch.x), batch.y)

def with_batches(workers):
    model = nn.Linear(4, 2)
    loader = DataLoader(Squares(), batch_size=8, num_workers=workers, collate_fn=collate)
    return nbdebug.TrainingSetup(model, None, torch.optim.SGD(model.parameters(), lr=0.1), loader, batch_loss=loss_of)

def stuck(ctx):
    import ctypes
    model = ctx.wrap(nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.randn(8, 4)).sum().backward()
    optimizer.step()
    ctx.log(step=1, loss=0.0)
    ctx.sender.flush(30)  # the kernel knows of the step
    ctypes.PyDLL(None).sleep(600)  # in compiled code, with the lock of the interpreter

def quick(ctx):
    step, numbers = 0, {f"number {n}": n / 7 for n in range(12)}
    while not ctx.should_stop():
        step += 1
        ctx.log(step=step, **numbers)
        time.sleep(0.001)
"""

FORKED = "import psutil; print([rank.pid for server in psutil.Process().children() for rank in server.children()])"


@pytest.fixture(scope="module")
def notebooks():
    """The one that is open; a test that ends its kernel takes it out."""
    opened = []
    yield opened
    for one in opened:
        one.close()


@pytest.fixture
def notebook(notebooks, tmp_path_factory):
    if not notebooks:
        notebooks.append(Notebook(tmp_path_factory.mktemp("kernel") / "runs"))
        notebooks[0].cell(CELL)
    return notebooks[0]


@pytest.fixture
def last_notebook(notebook, notebooks):
    """Whose kernel the test ends."""
    yield notebook
    notebooks.clear()
    notebook.close()


def launched(notebook, code, ready):
    """Begins a cell that launches two ranks and waits; (its message, the ranks' pids)."""
    before = notebook.known()
    message = notebook.begin(code)
    pids = notebook.hello(2, before)
    if ready:
        folder = notebook.folder()
        wait_for(lambda: any(event["k"] in ready for event in folder.said(0)))
    return message, pids


def demand_soon(seconds, grace=0.0):
    demand_within(SOON, lambda: seconds() - grace, LATE)


@pytest.mark.parametrize("only_the_kernel", [False, True], ids=["the group", "the kernel alone"])
def test_an_interrupt_ends_ranks_and_workers_and_goes_on(notebook, only_the_kernel):
    def seconds():
        message, pids = launched(notebook, "run = nbdebug.launch(make(workers=1), num_processes=2, epochs=10**6, wait=True)", {"metric"})
        processes = tree(pids)
        assert len(processes) == 4
        ports = listened_at(*pids)
        assert ports and not listened_at(notebook.pid) & {c.raddr.port for pid in pids for c in psutil.Process(pid).net_connections("inet") if c.raddr}
        notebook.interrupt(only_the_kernel)
        took = seconds_until_gone(processes, 10)
        assert notebook.end(message, 10)["ename"] == "KeyboardInterrupt"
        for port in ports:
            with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                pass
        assert notebook.cell("run = nbdebug.attach(); print(run.state, run._keeper.monitor.forced, len(run.metrics) > 0)").strip() == "interrupted False True"
        assert checkpoint.newest(notebook.folder()).step > 0
        return took

    demand_soon(seconds)


def listened_at(*pids):
    """The ports at which these processes listen."""
    return {c.laddr.port for pid in pids for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN}


def test_an_interrupt_during_the_start(notebook):
    def seconds(delay):
        before = notebook.known()
        message = notebook.begin("run = nbdebug.launch(make(), num_processes=2, epochs=10**6, wait=True)")
        wait_for(lambda: notebook.known() - before)
        time.sleep(delay)
        began = time.monotonic()
        notebook.interrupt(False)
        assert notebook.end(message, 10)["ename"] == "KeyboardInterrupt"
        took = time.monotonic() - began
        assert notebook.cell(FORKED).strip() == "[]"
        return took

    for delay in (0.0, 0.1, 0.3):
        demand_soon(partial(seconds, delay))
    assert notebook.cell("print(nbdebug.launch(make(), num_processes=2, max_steps=2).wait().state)").strip() == "done"


def test_an_interrupt_while_a_checkpoint_is_written(notebook):
    def seconds():
        code = "run = nbdebug.launch(make(size=10**6), num_processes=2, epochs=10**6, wait=True, **{'checkpoint.every_steps': 1, 'checkpoint.keep_last': 2})"
        message, pids = launched(notebook, code, {"checkpoint"})
        processes = tree(pids)
        notebook.interrupt(False)
        took = seconds_until_gone(processes, 10)
        assert notebook.end(message, 20)["ename"] == "KeyboardInterrupt"
        loaded = checkpoint.newest(notebook.folder())
        assert loaded.step >= 1 and loaded.refused == ()
        return took

    demand_soon(seconds)


def test_a_rank_that_is_stuck_in_compiled_code_is_ended_after_the_grace(notebook):
    def seconds():
        message, pids = launched(notebook, "run = nbdebug.launch(stuck, num_processes=2, grace=0.5, wait=True)", {"metric"})
        time.sleep(0.5)
        processes = tree(pids)
        notebook.interrupt(False)
        took = seconds_until_gone(processes, 10)
        assert notebook.end(message, 10)["ename"] == "KeyboardInterrupt" and took > 0.4
        return took

    demand_soon(seconds, grace=0.5)


def test_the_second_interrupt_is_now(notebook):
    def seconds():
        message, pids = launched(notebook, "run = nbdebug.launch(stuck, num_processes=2, grace=60.0, wait=True)", {"metric"})
        time.sleep(0.5)
        processes = tree(pids)
        notebook.interrupt(True)
        time.sleep(0.5)
        notebook.interrupt(True)
        took = seconds_until_gone(processes, 10)
        assert notebook.end(message, 10)["ename"] == "KeyboardInterrupt"
        return took

    demand_soon(seconds)


def test_an_interrupt_of_another_cell_leaves_a_run_in_the_background_alone(notebook):
    _, pids = launched(notebook, "run = nbdebug.launch(make(), num_processes=2, epochs=10**6)", {"first_step"})
    processes = tree(pids)
    other = notebook.begin("time.sleep(60)")
    time.sleep(0.5)
    notebook.interrupt(False)
    assert notebook.end(other, 10)["ename"] == "KeyboardInterrupt"
    assert notebook.cell("print(run.state)").strip() == "running"
    notebook.cell("run.stop(); run.wait()")
    assert seconds_until_gone(processes, 10) < LATE


def test_everything_that_is_shown_belongs_to_the_launching_cell(notebook):
    """What callbacks print, and the box with its widgets, while other cells run and print."""
    home = notebook.begin("run = nbdebug.launch(make(), num_processes=2, epochs=10**6)\nforget = run.on_change(lambda run: print('news', run.state))\nrun")
    notebook.end(home)
    others = [notebook.begin(f"while run.step < {step}: time.sleep(0.05)\nprint('another')") for step in range(1, 402, 100)]
    last = notebook.begin("run.stop(); run._keeper.ended.wait(); run._keeper.join()")
    for message in (*others, last):
        notebook.end(message)
        notebook.printed(message)
    ours = notebook.of(home)
    box = {m["content"]["comm_id"] for m in ours if m["msg_type"] == "comm_open"}
    for cell in (*others, last):
        theirs = [m for m in notebook.of(cell) if m["content"].get("comm_id") not in box]  # news of the box find it by its id, wherever it stands
        assert {m["msg_type"] for m in theirs} <= {"status", "execute_input", "stream"}
        assert notebook.printed(cell) == ("another\n" if cell in others else "")
    assert notebook.printed(home).count("news running") > 3
    assert {"display_data", "update_display_data", "comm_open"} <= {m["msg_type"] for m in ours}
    cells = {home, *others, last}
    since = notebook.said.index(ours[0])
    assert all(m["parent_header"].get("msg_id") in cells or m["parent_header"].get("msg_type") == "kernel_info_request" for m in notebook.said[since:])


def test_a_cell_that_holds_the_interpreter_holds_no_step_up(notebook):
    def longest():
        notebook.cell("run = nbdebug.launch(quick, num_processes=2)\nwhile run.step < 20: time.sleep(0.01)")
        began, ended = map(float, notebook.cell("import ctypes; began = time.time(); ctypes.PyDLL(None).sleep(5); print(began, time.time())").split())
        dropped, steps = notebook.cell("run.stop(); run.wait(); print(run.history.dropped, run.metrics['step'].diff().max())").split()[-2:]
        assert ended - began > 4.9 and int(dropped) > 0 and float(steps) == 1.0  # the kernel had not room for all; the file has
        at = [[event["t"] for event in notebook.folder().said(rank) if event["k"] == "metric" and began <= event["t"] <= ended] for rank in range(2)]
        assert min(map(len, at)) > 500
        return max(later - earlier for times in at for earlier, later in pairwise(times))

    demand_within(0.5, longest, LATE)


def test_twenty_exceptions_are_told_with_the_line_of_the_cell_and_never_by_their_echo(notebook):
    cell = """def train(ctx):
    model = ctx.wrap(nn.Linear(4, 2))
    if ctx.rank == 1:
        raise ValueError('bad sample 7')
    model(torch.randn(2, 4)).sum().backward()
    time.sleep(1)
said = []
for _ in range(4):
    runs = [nbdebug.launch(train, num_processes=2) for _ in range(5)]
    said += [run.failure.sentence for run in runs if run._keeper.ended.wait(240)]
print(len(said), set(said))
runs[0].wait()"""
    message = notebook.begin(cell)
    reply = notebook.end(message)
    sentence = f"rank 1 raised ValueError before the first step: bad sample 7 (Cell In[{reply['execution_count']}], line 4: raise ValueError('bad sample 7'))"
    assert notebook.printed(message).splitlines()[0] == f"20 {({sentence})!r}"
    shown = "\n".join(reply["traceback"])
    assert reply["ename"] == "RankFailed" and reply["evalue"] == sentence
    assert "ValueError: bad sample 7" in shown and "raise ValueError('bad sample 7')" in shown


def test_lines_are_those_that_the_cell_shows(notebook):
    """Also where it begins with blank lines or a magic, which IPython cuts off before it compiles the rest."""
    for head in ("", "\n\n", "%%capture\n"):
        message = notebook.begin(f"{head}def raises(ctx):\n    raise ValueError('here')")
        assert notebook.end(message)["status"] == "ok"
        reply = notebook.end(notebook.begin("nbdebug.launch(raises).wait()"))
        line = head.count("\n") + 2
        assert f"line {line}: raise ValueError('here'))" in reply["evalue"], reply["evalue"]
        shown = "\n".join(reply["traceback"])
        assert f", line {line}, in raises" in shown or f":{line}" in shown, shown


def test_batches_of_a_class_from_a_cell_come_out_of_any_number_of_workers(notebook):
    code = "runs = [nbdebug.launch(with_batches(workers), num_processes=2, max_steps=3) for workers in (0, 2)]\nprint([run.wait(240).state for run in runs])"
    assert notebook.cell(code).splitlines()[-1] == "['done', 'done']"


def test_two_kernels_share_a_folder_and_no_port(notebook):
    code = "runs = [nbdebug.launch(quick, num_processes=2, name='shared') for _ in range(2)]\nfor run in runs:\n    while not (run.step or run.ended): time.sleep(0.01)\nprint([run.id for run in runs])"
    message = notebook.begin(code)
    ours = [launch(trainings.steps, 10**7, num_processes=2, name="shared", runs_dir=notebook.runs) for _ in range(2)]
    assert notebook.end(message)["status"] == "ok"
    theirs = [nbdebug.attach(name, runs_dir=notebook.runs) for name in eval(notebook.printed(message).splitlines()[-1])]
    wait_for(lambda: all(run.step for run in (*ours, *theirs)))
    pids = [os.getpid(), notebook.pid, *(rank.pid for run in (*ours, *theirs) for rank in run.ranks)]
    assert len({run.id for run in (*ours, *theirs)}) == 4 and len(set(pids)) == 10
    listening = [c.laddr for pid in pids[2:] for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening and len(set(listening)) == len(listening) and {address.ip for address in listening} <= {"127.0.0.1", "::1"}
    assert len({run._keeper._store.path for run in ours}) == 2
    for run in theirs:
        run.stop("by the other kernel")
    for run in ours:
        run.kill()
    assert [run.wait(240).state for run in (*ours, *theirs)] == ["interrupted"] * 4
    assert notebook.cell("print([run.wait().trouble for run in runs])").splitlines()[-1] == "['by the other kernel', 'by the other kernel']"
    assert not [pid for pid in pids[2:] if lives(pid)]
    assert {run.id for run in (*ours, *theirs)} <= set(nbdebug.runs(notebook.runs)["id"])


def test_a_saved_notebook_shows_the_run_without_widgets(last_notebook):
    """As nbconvert and papermill make one: they keep outputs, and have no front end that draws widgets. Their client does not give the kernel back."""
    document = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_code_cell("run = nbdebug.launch(make(), num_processes=2, max_steps=20, name='saved')\nrun"), nbformat.v4.new_code_cell("run.wait()"),
    ])  # fmt: skip
    NotebookClient(document, km=last_notebook.manager, timeout=240).execute()
    outputs = [output for cell in document.cells for output in cell.outputs]
    assert not [output for output in outputs if "application/vnd.jupyter.widget-view+json" in output.get("data", {})]
    page, _ = HTMLExporter().from_notebook_node(document)
    assert "-saved" in page and "done" in page and "20" in page
    text = [output["data"]["text/plain"] for output in outputs if "text/plain" in output.get("data", {})]
    assert text and all("-saved" in one and "done" in one for one in text), text


def test_when_the_kernel_is_killed_what_trains_is_gone_at_once(tmp_path):
    """With its workers."""
    tries = iter(range(10))

    def seconds():
        one = Notebook(tmp_path / str(next(tries)) / "runs")
        try:
            one.cell(CELL)
            _, pids = launched(one, "run = nbdebug.launch(make(workers=1), num_processes=2, epochs=10**6)", {"metric"})
            processes = tree(pids)
            assert len(processes) == 4
            kernel = psutil.Process(one.pid)
            os.kill(one.pid, signal.SIGKILL)
            assert seconds_until_gone([kernel], 20) < LATE  # nobody can know earlier: a loaded machine takes up to 0.1 s to take down a killed kernel
            return seconds_until_gone(processes, 20)
        finally:
            one.close()

    demand_within(AT_ONCE, seconds, LATE)


def test_when_the_kernel_is_killed_what_is_in_compiled_code_goes_too(last_notebook):
    """However it was started."""
    code = "runs = [nbdebug.launch(stuck, start_method='spawn', name='spawned'), nbdebug.launch(stuck, num_processes=2, name='stuck')]\n"
    code += "[time.sleep(0.01) for run in runs for _ in iter(lambda: bool(run.step or run.ended), True)]\n"
    printed = last_notebook.cell(code + "time.sleep(0.5); print({run.id.split('-')[2]: [rank.pid for rank in run.ranks] for run in runs})")
    processes = {name: tree(pids) for name, pids in eval(printed.splitlines()[-1]).items()}
    assert {name: len(those) for name, those in processes.items()} == {"spawned": 1, "stuck": 2}
    os.kill(last_notebook.pid, signal.SIGKILL)
    assert seconds_until_gone([*processes["stuck"], *processes["spawned"]], 20) < 10.0


def test_when_the_kernel_shuts_down_nothing_goes_on(last_notebook):
    _, pids = launched(last_notebook, "run = nbdebug.launch(make(workers=1), num_processes=2, epochs=10**6)", {"first_step"})
    processes = tree(pids)
    last_notebook.client.shutdown()
    assert seconds_until_gone(processes, 20) < 10.0
    wait_for(lambda: last_notebook.folder().about()["state"] in ("interrupted", "failed"), 30)  # ipykernel ends all of its children, and may be the first
