"""record.json: what a run was made of."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
import torch
from torch import nn

from nbdebug.training import payload
from nbdebug.training.job import FUNCTION, SETUP, Job
from nbdebug.training.record import content, data, repository, sources, writing
from tests.training.record import made


def test_all_of_it_is_written(tmp_path):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    setup = made.setup()
    torch.set_rng_state(state)
    folder = made.folder(tmp_path, setup)
    assert torch.get_rng_state().equal(state)
    told = writing.read(folder)
    assert told["kind"] == SETUP
    assert told["environment"]["software"]["torch"] == torch.__version__ and told["environment"]["hardware"]["cores"] >= 1
    assert told["model"]["parameters"] == 6 * 8 + 8 + 8 * 3 + 3 and "Linear(in_features=6" in told["model"]["structure"]
    assert told["setup"]["optimizer"] == "SGD" and told["setup"]["optimizer.lr"] == 0.01 and told["setup"]["loss_fn"] == "CrossEntropyLoss()"
    assert told["setup"]["train_loader.sampler"] == "RandomSampler" and told["setup"]["val_loader.sampler"] == "SequentialSampler"
    train = told["data"]["train_loader"]
    assert train["samples"] == train["read"] == 256 and train["fingerprint"]["whole"]
    assert {part["name"] for part in told["shipped"]} >= {"model", "train_loader"}


def test_the_digest_of_the_weights_is_that_of_the_beginning(tmp_path):
    digests = [writing.read(made.folder(tmp_path, made.setup(seed=seed)))["model"]["weights"] for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


def test_large_data_is_looked_at_in_part(tmp_path):
    told = writing.read(made.folder(tmp_path, made.setup(dataset=made.data(samples=5000))))["data"]["train_loader"]
    assert told["samples"] == 5000 and 0 < told["read"] <= 1024


class Slow(torch.utils.data.Dataset):
    def __init__(self, seconds, told):
        self.seconds, self.told = seconds, told

    def __len__(self):
        return 100

    def __getitem__(self, place):
        with self.told.open("a") as file:  # variables are given back as they were
            file.write("!")
        time.sleep(self.seconds)
        return torch.zeros(6), 0


def test_slow_data_is_looked_at_for_a_moment_and_very_slow_data_not(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "SECONDS", 0.1)
    monkeypatch.setattr(content, "SECONDS", 0.1)
    slow, slower = Slow(0.01, tmp_path / "slow"), Slow(0.15, tmp_path / "slower")
    setup = made.setup()
    object.__setattr__(setup, "train_loader", torch.utils.data.DataLoader(slow, batch_size=4))
    object.__setattr__(setup, "val_loader", torch.utils.data.DataLoader(slower, batch_size=4))
    told = data.data_facts(setup)
    assert 1 <= told["train_loader"]["read"] <= 10 and len(slow.told.read_text()) <= 40
    assert "takes 0." in told["val_loader"]["unknown"] and slower.told.read_text() == "!"


def test_what_cannot_be_found_out_is_said_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(repository, "repository", lambda: 1 / 0)
    told = writing.read(made.folder(tmp_path, made.setup()))
    assert told["git"] == {"unknown": "ZeroDivisionError: division by zero"} and told["model"]


def test_batches_in_a_list_and_a_stream_without_end(tmp_path):
    setup = made.setup()
    batches = list(setup.train_loader)
    object.__setattr__(setup, "train_loader", batches)
    told = writing.read(made.folder(tmp_path, setup))["data"]["train_loader"]
    assert told["read"] == 256 and told["content"]
    assert "unknown" in sources_of_a_stream(tmp_path)


def sources_of_a_stream(tmp_path):
    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            while True:
                yield torch.zeros(6), torch.tensor(0)

    setup = made.setup()
    object.__setattr__(setup, "train_loader", torch.utils.data.DataLoader(Endless(), batch_size=4))
    return writing.read(made.folder(tmp_path, setup))["data"]["train_loader"]


def test_lazy_frozen_and_tied_weights(tmp_path):
    setup = made.setup()
    setup.model.append(nn.LazyLinear(3))
    setup.model[0].weight.requires_grad_(False)
    told = writing.read(made.folder(tmp_path, setup))["model"]
    assert told["frozen"] == ["0.weight"] and told["trainable"] == told["parameters"] - 48


# -- git ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cloned(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    (tmp_path / "train.py").write_text("lr = 0.1\n")
    git("add", "train.py")
    git("commit", "-m", "first")
    return tmp_path


def test_commit_and_what_was_changed_since(cloned):
    clean = repository.repository(cloned)
    assert len(clean["commit"]) == 40 and clean["branch"] == "main" and not clean["dirty"] and clean["diff"] == ""
    (cloned / "train.py").write_text("lr = 0.3\n")
    dirty = repository.repository(cloned)
    assert dirty["commit"] == clean["commit"] and dirty["dirty"] and dirty["changed"] == ["train.py"] and "+lr = 0.3" in dirty["diff"]


def test_no_repository_and_no_git(tmp_path, monkeypatch):
    assert repository.repository(tmp_path) == {"unknown": "not in a repository"}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert repository.repository(tmp_path) == {"unknown": "git is not installed"}


def test_a_git_that_hangs_holds_nothing_up(tmp_path, monkeypatch):
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 30\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(repository, "SECONDS", 0.2)
    assert "took longer" in repository.repository(tmp_path)["unknown"]


# -- cells ----------------------------------------------------------------------------------------------------------


def texts_of(job, tmp_path):
    folder = made.RunFolder.create("", tmp_path)
    return {text["name"]: text["source"] for text in sources.sources(job, folder, payload.write(folder, job))}


def test_the_cells_that_made_the_setup_are_kept_and_no_others(cells, tmp_path):
    held = cells(
        "import torch\nfrom torch import nn\nimport nbdebug",
        "secret = 'token'",
        "rate = 0.5",
        "model = nn.Linear(2, 2)",
        "print('a look', rate)",
        "rate = 0.25",
        "model.bias.data.zero_()",
        "loader = [(torch.zeros(4, 2), torch.zeros(4, 2))]",
        "setup = nbdebug.TrainingSetup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=rate), loader)",
    )
    kept = texts_of(Job(SETUP, held["setup"], ""), tmp_path)
    assert list(kept) == ["In[1]", "In[4]", "In[6]", "In[7]", "In[8]", "In[9]"]


def test_names_within_functions_are_not_the_notebooks(cells, tmp_path):
    held = cells("x = 1", "scale = 2", "scale = 3", "def train(ctx, x=None):\n    scale_of = x\n    return scale", "def other():\n    train = 3\n    return train")
    assert list(texts_of(Job(FUNCTION, held["train"], ""), tmp_path)) == ["In[3]", "In[4]"]


def test_a_function_keeps_what_it_uses(cells, tmp_path):
    held = cells("width = 3", "other = 4", "def train(ctx):\n    return width")
    assert list(texts_of(Job(FUNCTION, held["train"], ""), tmp_path)) == ["In[1]", "In[3]"]


def test_the_record_is_strict_json(tmp_path):
    setup = made.setup()
    setup.optimizer.param_groups[0]["lr"] = float("nan")
    folder = made.folder(tmp_path, setup)
    json.loads(folder.record.read_text(), parse_constant=lambda word: pytest.fail(word))
