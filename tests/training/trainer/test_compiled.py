"""torch.compile in a run, with backends that need no compiler of the system."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.errors import ConfigError
from nbdebug.training.config import read_config
from nbdebug.training.folder import RunFolder
from nbdebug.training.record import layers
from tests.training.trainer import ranks
from tests.training.trainer.test_resume import middle

EVERY = {"epochs": 2, "checkpoint.every_steps": 3, "checkpoint.keep_last": 99}


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_the_weights_land_in_the_users_model(backend, tmp_path: Path):
    setup = ranks.plain()
    held = [p.data_ptr() for p in setup.model.parameters()]
    run = nbdebug.launch(setup, num_processes=2, max_steps=8, compile={"backend": backend}, watch={"layers": 2}).wait(240)
    plain = nbdebug.launch(ranks.plain(), num_processes=2, max_steps=8).wait(240)
    assert run.model is setup.model and [p.data_ptr() for p in setup.model.parameters()] == held and type(setup.model) is nn.Sequential
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(run.model.state_dict().values(), plain.model.state_dict().values(), strict=True))
    assert set(torch.load(run.folder.weights, weights_only=True)) == set(setup.model.state_dict())
    seen = layers.read(run.folder).result  # hooks are not heard inside; what the optimizer moves is seen
    assert seen.tensors_of("gradient") and not seen.tensors_of("activation") and "compiled" in seen.limits[0]
    assert run.notes == plain.notes


def test_resumed_it_gives_the_same_bits(tmp_path: Path):
    told = {**EVERY, "compile": {"backend": "aot_eager"}}
    ranks.alone(ranks.plain, tmp_path / "whole", **told)
    ranks.alone(ranks.plain, tmp_path / "rest", resume=middle(tmp_path / "whole"), **told)
    ranks.assert_equal(ranks.weights(tmp_path / "whole"), ranks.weights(tmp_path / "rest"))


def failing():
    """A factory in a process whose compiler fails."""
    from torch._dynamo.backends.registry import _COMPILER_FNS, register_backend

    def broken(graph, inputs):
        raise RuntimeError("no C++ compiler was found")

    if "broken" not in _COMPILER_FNS:
        register_backend(broken, name="broken")
    return ranks.plain()


def test_a_compiler_that_fails_is_told_and_gone_on_without():
    run = nbdebug.launch(failing, num_processes=1, max_steps=8, compile={"backend": "broken"}, preflight=False).wait(240)
    assert run.step == 8 and [note for note in run.notes if "broken could not compile" in note and "no C++ compiler" in note]
    plain = nbdebug.launch(failing, num_processes=1, max_steps=8, preflight=False).wait(240)
    ours, theirs = (torch.load(one.folder.weights, weights_only=True) for one in (run, plain))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in theirs)


@pytest.mark.parametrize("told", [{"backend": "nonesuch"}, {"backend": "eager", "mode": "max-autotune"}])
def test_what_torch_does_not_take_is_said(told, tmp_path: Path):
    with pytest.raises(ConfigError, match="compile.backend is 'nonesuch'|compile.mode is for"):
        ranks.alone(ranks.plain, tmp_path / "run", max_steps=2, compile=told)
    assert not RunFolder(tmp_path / "run").weights.exists()


def test_words_that_nobody_knows():
    with pytest.raises(ConfigError, match=r'compile.*has no backnd \(did you mean "backend"'):
        read_config({"compile": {"backnd": "eager"}})
    assert read_config({"compile": {"backend": "eager", "dynamic": "no"}}).compile == {"backend": "eager", "dynamic": False}


def test_a_nan_in_a_compiled_model_is_found():
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    x[37] = 0.0
    model = Divides()
    setup = nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8))
    run = nbdebug.launch(setup, num_processes=1, epochs=2, compile={"backend": "eager"})
    with pytest.raises(nbdebug.errors.RankFailed):
        run.wait(240)
    source = Path(__file__).read_text().splitlines()
    [finding] = run.findings
    assert finding.code in ("ND308", "ND504") and source[finding.location.line - 1].endswith("# born here")


class Divides(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x):
        return self.layer(x) / x.abs().sum(1, keepdim=True)  # born here
