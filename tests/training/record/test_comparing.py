"""What changed between two runs, and what of it is suspected."""

from __future__ import annotations

import json

import pytest
import torch

import nbdebug
from nbdebug.errors import LaunchError
from tests.training.record import made

BAD = (1.0, 3.0, 9.0)  # the first loss as in a good run, then it flies


def compared(tmp_path, a, b):
    return nbdebug.compare_runs(a.id, b.id, tmp_path).result


def what(result):
    return [change.what for change in result.changes]


def test_two_runs_of_the_same_have_no_difference(tmp_path):
    a, b = made.folder(tmp_path, made.setup()), made.folder(tmp_path, made.setup())
    result = compared(tmp_path, a, b)
    assert result.changes == () and "Nothing of consequence that is recorded changed." in result.sentence
    assert "The curves are the same at all 3 steps" in result.sentence and all(one.same for one in result.data)


def test_chance_is_named_where_nothing_else_is_left(tmp_path):
    a, b = made.folder(tmp_path, made.setup()), made.folder(tmp_path, made.setup(), losses=(1.0, 0.9, 0.7))
    assert "what is left is chance" in compared(tmp_path, a, b).sentence


def test_a_learning_rate_of_the_setup_or_of_the_configuration(tmp_path):
    a = made.folder(tmp_path, made.setup(lr=0.01))
    for b in (made.folder(tmp_path, made.setup(lr=1.0), losses=BAD, validation=(2.0, 9.0)), made.folder(tmp_path, made.setup(lr=0.01), config={"lr": 1.0}, losses=BAD, validation=(2.0, 9.0))):
        result = compared(tmp_path, a, b)
        assert what(result) == ["optimizer.lr"]
        assert "b is worse" in result.sentence and "is the same in both (1), and the curves part at step 2: what matters acts through the update" in result.sentence
        assert "The only thing of consequence that changed is optimizer.lr (0.01 → 1, 100 times as much)." in result.sentence


def test_the_update_is_suspected_first_when_the_first_loss_is_the_same(tmp_path):
    a = made.folder(tmp_path, made.setup(), config={"data": {"drop_last": True}})
    b = made.folder(tmp_path, made.setup(optimizer=torch.optim.Adam), config={"clip_norm": 1.0}, losses=BAD)
    assert what(compared(tmp_path, a, b))[0] == "optimizer.type"


def test_flipped_targets(tmp_path):
    a, b = made.folder(tmp_path, made.setup()), made.folder(tmp_path, made.setup(dataset=made.data(flipped=True)), losses=(1.2, 1.1, 1.1))
    result = compared(tmp_path, a, b)
    assert what(result)[0] == "train_loader's data" and "the inputs are the same, the targets are not" in result.sentence
    assert "is another already" in result.sentence
    train = next(one for one in result.data if one.name == "train_loader")
    assert train.same is False and train.compared.splits[0].same_inputs


def test_other_data_of_which_only_a_part_was_looked_at(tmp_path):
    a, same = (made.folder(tmp_path, made.setup(dataset=made.data(samples=4000))) for _ in range(2))
    b = made.folder(tmp_path, made.setup(dataset=made.data(samples=4000, flipped=True)))
    assert next(iter(compared(tmp_path, a, same).data)).same
    result = compared(tmp_path, a, b)
    assert what(result)[0] == "train_loader's data" and "of 4,000 samples were looked at" in result.data[0].sentence


def test_another_model_and_other_weights_to_begin_with(tmp_path):
    a, b, c = made.folder(tmp_path, made.setup()), made.folder(tmp_path, made.setup(width=4)), made.folder(tmp_path, made.setup(seed=1))
    assert what(compared(tmp_path, a, b)) == ["the model"]
    assert "in_features=6, out_features=4" in compared(tmp_path, a, b).sentence
    assert what(compared(tmp_path, a, c)) == ["weights at the beginning"]


def test_length_is_the_reason_only_while_the_curves_agree(tmp_path):
    a = made.folder(tmp_path, made.setup(), config={"epochs": 1})
    longer = made.folder(tmp_path, made.setup(), config={"epochs": 9}, losses=(1.0, 0.8, 0.6, 0.4, 0.2))
    assert "training.epochs (1 → 9" in compared(tmp_path, a, longer).sentence
    other = made.folder(tmp_path, made.setup(), config={"epochs": 2, "lr": 0.02}, losses=(1.0, 0.7, 0.6, 0.4))
    assert what(compared(tmp_path, a, other))[0] == "optimizer.lr"


def test_cells_are_found_again_under_other_numbers(tmp_path):
    first = {"In[1]": "import torch", "In[2]": "class Net:\n    width = 8\n    def forward(self, x):\n        return x.relu()", "In[5]": "batch = 4"}
    second = {"In[11]": "import torch  # again", "In[12]": "class Net:\n    width = 8\n    def forward(self, x):\n        return x.sigmoid()", "In[17]": "rate = 3\ndel rate"}
    a, b = made.folder(tmp_path, made.setup(), sources=first), made.folder(tmp_path, made.setup(), sources=second, losses=(1.1, 1.0, 1.0))
    result = compared(tmp_path, a, b)
    assert sorted(what(result)) == ["cell In[17]", "cell In[2] → In[12]", "cell In[5]"]
    diff = next(diff for diff in result.diffs if diff.name == "In[12]")
    assert "-        return x.relu()" in diff.text and "+        return x.sigmoid()" in diff.text
    assert "+ return x.sigmoid()" in result.sentence


def test_a_cell_of_one_line_is_the_same_cell_changed(tmp_path):
    a, b = (made.folder(tmp_path, made.setup(), sources={name: text}) for name, text in (("In[4]", "lr = 0.1"), ("In[9]", "lr = 0.01")))
    assert what(compared(tmp_path, a, b)) == ["cell In[4] → In[9]"]


def test_a_function_that_was_written_again_is_shown_beside_what_it_was(tmp_path):
    net, make = "class Net:\n    wide = 8\n\n    def forward(self, x):\n        return x\n\n\n", "def make():\n    model = Net()\n    return model, SGD(lr={})\n"
    a = made.folder(tmp_path, sources={"In[2]": net + make.format(0.1)})
    b = made.folder(tmp_path, sources={"In[2]": net + make.format(0.1), "In[9]": make.format(3.0) + "\n\nbad = nbdebug.launch(make, epochs=2)\nbad.wait()"})
    c = made.folder(tmp_path, sources={"In[2]": net + make.format(0.1), "In[9]": make.format(0.1) + "\n\nnbdebug.launch(make).wait()"})
    d = made.folder(tmp_path, sources={"In[2]": net + make.format(0.1), "In[9]": make.format(3.0) + "\n\nNet.wide = 9"})
    result = compared(tmp_path, a, b)
    assert [change.what for change in result.changes] == ["cell In[2] → In[9]"] and "SGD(lr=3.0)" in result.sentence
    assert [line for line in result.diffs[0].text.splitlines() if line[:2] in ("+ ", "- ")] == ["-    return model, SGD(lr=0.1)", "+    return model, SGD(lr=3.0)"]
    assert compared(tmp_path, a, c).changes == ()
    assert [change.b for change in compared(tmp_path, a, d).changes] == ["6 lines"]  # something else was done as well
    assert compared(tmp_path, b, a).diffs[0].text.count("\n+") == 2  # its name, and the line


def test_a_comment_is_no_change(tmp_path):
    a, b = (made.folder(tmp_path, made.setup(), sources={"In[1]": text}) for text in ("x = 1", "x = 1  # one\n\n"))
    assert compared(tmp_path, a, b).changes == ()


def test_environment_and_git(tmp_path):
    a, b = made.folder(tmp_path, made.setup()), made.folder(tmp_path, made.setup())
    record = json.loads(b.record.read_text())
    record["environment"]["software"]["torch"] = "1.0"
    record["environment"]["hardware"]["host"] = "elsewhere"
    record["git"] = {"commit": "f" * 40, "dirty": False, "changed": [], "diff": ""}
    b.record.write_text(json.dumps(record))
    result = compared(tmp_path, a, b)
    assert what(result)[0] == "torch" and {"host", "commit"} <= set(what(result))
    assert "host" not in result.sentence


def test_a_run_that_failed_and_one_that_went_to_nan(tmp_path):
    a = made.folder(tmp_path, made.setup())
    b = made.folder(tmp_path, made.setup(lr=5.0), losses=(1.0, float("nan")), validation=(), state="failed", failure={"sentence": "rank 0 raised ValueError"})
    result = compared(tmp_path, a, b)
    assert "b failed: rank 0 raised ValueError." in result.sentence and "b left the finite numbers" in result.sentence


def test_runs_without_a_record_are_compared_by_configuration_and_curves(tmp_path):
    a, b = made.folder(tmp_path), made.folder(tmp_path, config={"lr": 0.5, "optimizer": {"type": "adam", "lr": 0.5}})
    result = compared(tmp_path, a, b)
    assert any("a has no record" in line for line in result.unknown) and [line.name for line in result.lines] == ["loss", "val_loss"]


def test_the_report_shows_itself_and_survives_json(tmp_path):
    a, b = made.folder(tmp_path, made.setup(), name="good"), made.folder(tmp_path, made.setup(lr=1.0, dataset=made.data(flipped=True)), name="bad", losses=BAD)
    report = nbdebug.compare_runs(a.id, b.path, tmp_path)
    assert nbdebug.Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    assert "Most likely:" in " ".join(str(report).split()) and "good" in str(report)
    assert "<svg" in report.save(str(tmp_path / "r.html")) or "<svg" in (tmp_path / "r.html").read_text()
    assert report.widget() is not None
    assert nbdebug.last_report() is report


def test_a_run_that_does_not_exist(tmp_path):
    made.folder(tmp_path)
    with pytest.raises(LaunchError, match="there is no run 'nonsense'"):
        nbdebug.compare_runs("nonsense", "last", tmp_path)
