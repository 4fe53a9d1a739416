"""`%%nbdebug watch` in a real kernel: the cell runs as it would without the line, and a report comes after it."""

from __future__ import annotations

import re

import pytest

from nbdebug.notebook.over_cell import rewrite_first_line
from nbdebug.notebook.watched_cell import assigned
from tests.notebook.conftest import Kernel
from tests.notebook.test_magics import usage_error

MODEL = """
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 3), torch.randint(0, 2, (64,)))
train_loader = DataLoader(data, batch_size=8)
def build():
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    return net, torch.optim.SGD(net.parameters(), 0.1)
net, opt = build()
criterion = nn.CrossEntropyLoss()
"""
LOOP = """for x, y in train_loader:
    opt.zero_grad()
    loss = criterion(net(x), y)
    loss.backward()
    opt.step()
"""
STEPS = "print(nbdebug.last_report().result.steps)"


@pytest.fixture
def model(fresh: Kernel) -> Kernel:
    made = fresh.run(MODEL)
    assert made.status == "ok", made.traceback
    return fresh


def watched(kernel: Kernel, cell: str = LOOP, options: str = "", **how):
    return kernel.run(f"%%nbdebug watch{options}\n{cell}", **how)


def steps(kernel: Kernel) -> int:
    return int(kernel.run(STEPS).stdout)


def lines_of_the_loop(report: str) -> set[str]:
    return set(re.findall(r"Cell In\[\d+\], line \d+", report))


def test_the_cell_runs_and_its_report_comes_after_it(model):
    run = watched(model)
    assert (run.status, run.stdout.strip()) == ("ok", "with nbdebug.watch() as watch: …")
    assert len(run.pictures) == 1
    assert steps(model) == 8
    assert model.run("print(loss.item() > 0, 'watch' in globals())").stdout.strip() == "True False"


def test_calls_are_placed_at_the_lines_that_the_user_sees(model):
    run = watched(model)
    placed = lines_of_the_loop(run.pictures[0])
    assert {f"Cell In[{run.number}], line {line}" for line in (2, 3, 4, 5, 6)} <= placed


def test_everything_else_in_the_cell_works_as_always(model):
    cell = f"import asyncio\nawait asyncio.sleep(0)\n{LOOP}%timeit -n1 -r1 1\nname = 'kept'\nprint('said')\nloss.item() > 0"
    run = watched(model, cell)
    assert run.status == "ok", run.traceback
    assert "said" in run.stdout and "per loop" in run.stdout
    assert "True" in [bundle.get("text/plain") for bundle in run.displays]
    assert model.run("print(name)").stdout.strip() == "kept"
    assert steps(model) == 8


def test_a_training_with_await_in_its_loop_is_watched(model):
    run = watched(model, "import asyncio\n" + LOOP + "    await asyncio.sleep(0)\n")
    assert run.status == "ok", run.traceback
    assert steps(model) == 8


def test_a_function_that_trains_is_watched_at_its_own_lines(model):
    defined = model.run("def train():\n" + "".join(f"    {line}\n" for line in LOOP.splitlines()))
    run = watched(model, "train()")
    assert f"Cell In[{defined.number}], line 5" in lines_of_the_loop(run.pictures[0])


def test_an_error_is_told_once_and_what_was_seen_is_shown(model):
    run = watched(model, LOOP + "    if loss < 100: raise ValueError('stop here')\n")
    assert (run.status, run.error) == ("error", "ValueError")
    assert run.traceback.count("stop here") <= 2  # the line and the message
    assert "nbdebug/" not in run.traceback
    assert len(run.pictures) == 1
    assert steps(model) == 1
    assert model.run("print(nbdebug.last_report().stopped)").stdout.strip() == "the loop raised ValueError"


def test_an_interrupt_shows_what_was_seen_and_stops_the_cells_below(model):
    cell = "import time\nfor epoch in range(10_000):\n    print('going', flush=True) if epoch == 5 else time.sleep(0.01)\n"
    run = watched(model, cell + "".join(f"    {line}\n" for line in LOOP.splitlines()), interrupt_on="going")
    assert (run.status, run.error) == ("error", "KeyboardInterrupt")
    assert len(run.pictures) == 1
    assert "interrupted" in run.pictures[0].lower()
    assert steps(model) >= 5 * 8


def test_nothing_is_left_patched_after_a_cell(model):
    # DataLoader's iterator and the modules' calls are the places that a watch listens at
    ask = "print(nn.Module.__call__, torch.autograd.backward, DataLoader.__iter__, nn.functional.cross_entropy)"
    before = model.run(ask).stdout
    watched(model, LOOP + "    raise ValueError\n")
    watched(model)
    assert model.run(ask).stdout == before


def test_the_history_goes_on_in_the_next_cell(model):
    watched(model)
    watched(model)
    assert steps(model) == 16


def test_a_model_that_was_built_anew_begins_a_new_history(model):
    watched(model, "net, opt = build()\n" + LOOP)
    assert steps(model) == 8
    watched(model, "net, opt = build()\n" + LOOP)  # the cell itself builds it
    assert steps(model) == 8
    model.run("net, opt = build()")  # another cell did
    watched(model)
    assert steps(model) == 8


def test_other_options_begin_a_new_history(model):
    watched(model)
    watched(model, options=" --every 2")
    assert steps(model) == 8


def test_options_are_those_of_the_call(model, tmp_path):
    run = watched(model, options=f" --every 4 --max-gradient-norm 1e-9 --log-dir {tmp_path} --no-live model=net")
    assert run.stdout.splitlines()[0] == (
        f"with nbdebug.watch(model=net, every=4, max_gradient_norm=1e-09, log_dir='{tmp_path}', live=False) as watch: …"
    )
    assert "above your limit" in run.pictures[0]
    assert list(tmp_path.glob("events.out.*"))
    assert "with nbdebug.watch(budget='5%') as watch: …" in watched(model, options=" --budget 5%").stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (" --evry 2", "%nbdebug watch: there is no option --evry: did you mean --every?"),
        (" --every x", "%nbdebug watch: --every takes a whole number, got 'x'"),
        (" --every 0", "%%nbdebug watch: every must be a whole number of steps from 1 on, got 0"),
        (" --every 2 --budget 5%", "%%nbdebug watch: every and budget exclude each other"),
        (" model=nett", "%%nbdebug watch: there is no variable 'nett'"),
        (" val_loader=train_loader", "%%nbdebug watch takes model= and optimizer=, got val_loader="),
        (" 20", "%nbdebug watch does not know what to do with '20'"),
    ],
)
def test_a_wrong_line_gets_one_sentence_and_the_cell_does_not_run(model, options, sentence):
    said = usage_error(model, f"%%nbdebug watch{options}\nran = True")
    assert said.startswith(sentence)
    assert model.run("print('ran' in globals())").stdout.strip() == "False"
    assert watched(model).status == "ok"  # nothing is left open


def test_a_cell_that_trains_nothing_is_told_so(model):
    run = watched(model, "x = 1 + 1\nx")
    assert "no training step was seen" in run.stdout
    assert run.pictures == []
    assert run.displays[0]["text/plain"] == "2"


def test_a_cell_that_trains_nothing_does_not_show_the_report_of_another(model):
    watched(model)
    run = watched(model, "x = 1 + 1")
    assert "no training step was seen" in run.stdout
    assert run.pictures == []
    assert watched(model).pictures != []


def test_what_holds_graphs_is_named_as_the_cell_names_it(model):
    def keep(name: str) -> str:
        return watched(model, "for _ in range(3):\n" + "".join(f"    {line}\n" for line in f"{LOOP}    {name}.append(loss)".splitlines())).pictures[0]

    model.run("losses = []")
    model.run("losses")  # a second name of the list, in Out
    assert "line 8: losses.append(loss) · losses" in keep("losses")
    model.run("net, opt = build()\nkept = []")
    assert "line 8: kept.append(loss) · kept" in keep("kept")  # what the watch before marked is still alive, in losses


def test_a_cell_that_cannot_be_read_is_the_users_own_error(model):
    run = watched(model, "for x in:\n    pass")
    assert (run.status, run.error) == ("error", "SyntaxError")
    assert "line 2" in run.traceback
    assert watched(model).status == "ok"


def test_the_last_report_can_be_shown_again(model):
    assert usage_error(model, "%nbdebug watch").startswith("%nbdebug watch: nothing was watched yet: write %%nbdebug watch above")
    watched(model)
    run = model.run("last = %nbdebug watch")
    assert (run.stdout.strip(), len(run.pictures)) == ("watch.report()", 1)
    assert len(model.run("%nbdebug watch").displays) == 1
    assert model.run("print(len(last.history()), nbdebug.last_report().instrument)").stdout.strip() == "8 watch"
    assert "VBox" in model.run("last.widget()").displays[0]["text/plain"]
    assert "image/png" in model.run("last.figure('1')").displays[0]
    assert usage_error(model, "%nbdebug watch --every 2").startswith("%nbdebug watch shows the last watch again")


def test_the_report_is_shown_again_when_the_next_cell_ends_with_it(model):
    watched(model)
    assert len(model.run("nbdebug.last_report()").pictures) == 1


def test_other_cell_magics_above_and_below(model):
    timed = watched(model, "%%time\n" + LOOP)
    assert timed.status == "ok" and "Wall time" in timed.stdout
    assert f"Cell In[{timed.number}], line 3" in lines_of_the_loop(timed.pictures[0])
    over = model.run(f"%%time\n%%nbdebug watch\n{LOOP}")
    assert f"Cell In[{over.number}], line 4" in lines_of_the_loop(over.pictures[0])
    captured = model.run(f"%%capture said\n%%nbdebug watch\n{LOOP}")
    assert captured.status == "ok" and captured.displays == []
    assert "with nbdebug.watch" in model.run("print(said.stdout)").stdout


def test_a_cell_run_within_the_cell_does_not_end_the_watch(model):
    run = watched(model, "get_ipython().run_cell('inner = 1')\n" + LOOP)
    assert len(run.pictures) == 1
    assert steps(model) == 8


def test_an_exported_script_can_call_it_as_a_function(model):
    call = f"get_ipython().run_cell_magic('nbdebug', 'watch', {LOOP!r})"
    assert len(model.run(call).pictures) == 1
    failed = model.run(f"get_ipython().run_cell_magic('nbdebug', 'watch', {LOOP + '    raise ValueError(7)'!r})")
    assert (failed.status, failed.error) == ("error", "ValueError")


def test_two_watches_at_a_time_are_refused(model):
    run = watched(model, "with nbdebug.watch(live=False):\n    pass")
    assert run.status == "error" and "a watch is open already" in run.traceback
    assert watched(model).status == "ok"


def test_help_and_completion_know_the_verb(model):
    assert "%%nbdebug watch" in model.run("%nbdebug").stdout
    text = model.run("%nbdebug watch?").stdout
    assert text.startswith("%%nbdebug watch [model=variable] [--every INT]") and "TensorBoard" in text
    assert model.complete("%%nbdebug wa") == ["%%nbdebug watch"]
    assert "%%nbdebug watch --max-gradient-norm" in model.complete("%%nbdebug watch --m")
    assert model.complete("%%nbdebug watch model=n") == ["%%nbdebug watch model=net"]
    assert "%nbdebug watch --max-gradient-norm" not in model.complete("%nbdebug watch --m")


def test_unloading_in_a_watched_cell_ends_the_watch(model):
    run = watched(model, LOOP + "%unload_ext nbdebug\n")
    assert run.status == "ok", run.traceback
    assert len(run.pictures) == 1
    assert model.run("%load_ext nbdebug").status == "ok"
    assert watched(model).status == "ok"


# -- without a kernel -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["%%nbdebug watcher\n", "%%nbdebug checkup\n", "%nbdebug watch\n", "x = '%%nbdebug watch'\n"])
def test_other_cells_are_left_as_they_are(first):
    assert rewrite_first_line([first, "x = 1\n"]) == [first, "x = 1\n"]
    assert rewrite_first_line([]) == []


def test_only_the_first_line_is_rewritten():
    lines = rewrite_first_line(["%%nbdebug watch --log-dir 'my runs'\n", "\n", "x = 1\n"])
    assert lines[1:] == ["\n", "x = 1\n"]
    assert lines[0] == """get_ipython().run_line_magic('nbdebug', "watch --over-the-cell --log-dir 'my runs'")\n"""


def test_names_that_a_cell_binds():
    assert assigned("model = Net()\nopt, lr = f(), 1\nfor i in x: pass\ndef g():\n    inner = 1\n") == {"model", "opt", "lr", "i"}
    assert assigned("model.train()\nmodel.x = 1") == set()
    assert assigned("for x in:") == set()
