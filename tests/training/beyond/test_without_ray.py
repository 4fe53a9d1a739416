"""What is said where Ray is not there, and what the engine refuses before anything is written."""

from __future__ import annotations

import sys

import pytest

import nbdebug
from nbdebug.errors import LaunchError
from nbdebug.training.beyond import ray_keeper, ray_train
from nbdebug.training.beyond.ray_driver import LOCAL
from nbdebug.training.folder import RunFolder
from nbdebug.training.following import Follower
from nbdebug.training.local.plan import Plan
from tests.training.run import trainings


def launch(tmp_path, **told):
    return nbdebug.launch(trainings.setup(), runs_dir=tmp_path, **{"engine": "ray", "num_processes": 2, **told})


@pytest.fixture
def packages(monkeypatch):
    """Which packages there seem to be, and of which version Ray is."""
    here = {name: "1.0" for name in ray_train.NEEDED} | {"ray": "2.60.0"}

    def version(name):
        if here[name] is None:
            raise ray_train.PackageNotFoundError(name)
        return here[name]

    monkeypatch.setattr(ray_train, "find_spec", lambda name: object() if name in here else None)
    monkeypatch.setattr(ray_train, "version", version)
    return here


def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path, packages):
    del packages["ray"], packages["tensorboardX"]
    with pytest.raises(LaunchError) as refused:
        launch(tmp_path)
    assert str(refused.value) == f"engine='ray' needs Ray Train 2.60 or newer, and {sys.executable} has no package ray, tensorboardX: pip install 'nbdebug[ray]'"
    assert not list(tmp_path.iterdir()) and "ray" not in sys.modules


@pytest.mark.parametrize(("version", "words"), [("2.48.0", "has 2.48.0: pip install"), (None, "is not that package")])
def test_another_ray_is_refused(tmp_path, packages, version, words):
    packages["ray"] = version
    with pytest.raises(LaunchError, match=words):
        launch(tmp_path)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"address": ""}, "address is"), ({"address": 6379}, "address is"), ({"engine": "local", "address": "auto"}, "for engine='ray'"),
        ({"nnodes": 2}, "a cluster of Ray's has an address"), ({"num_processes": 0}, "from 1"), ({"engine": "rya"}, "'local', 'torchrun' or 'ray'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said(tmp_path, packages, told, words):
    with pytest.raises(LaunchError, match=words):
        launch(tmp_path, **told)
    assert not list(tmp_path.iterdir())


def test_what_the_process_says_that_looks_after_the_run_reaches_the_kernel(tmp_path):
    folder = RunFolder.create(root=tmp_path)
    folder.tell(state="running", plan=Plan(("cpu",), "gloo", "").plain())
    keeper, follower = ray_keeper.Keeper(folder, LOCAL), Follower(folder)
    keeper.monitor.history.hear({"k": "note", "text": "a rank's, which is in its own file"})
    keeper.monitor.history.note("rank 0 has been silent for 6 s")
    keeper._tell_folder()
    follower._look()
    assert follower.history.notes == ["rank 0 has been silent for 6 s"] == folder.about()["notes"]
    follower.ended.set()
