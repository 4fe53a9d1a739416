"""A job goes by value into one file of the owner's, and comes out as it was."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nbdebug import TrainingSetup
from nbdebug.errors import LaunchError
from nbdebug.training import payload
from nbdebug.training.folder import RunFolder
from nbdebug.training.job import FACTORY, FUNCTION, SETUP, Job
from tests.training.payload.cells import cell


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create("test", tmp_path)


class Numbers(Dataset):
    def __init__(self, numbers):
        self.numbers = numbers

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, row):
        return self.numbers[row]


def training(model: nn.Module | None = None, **options) -> TrainingSetup:
    model = nn.Linear(3, 1) if model is None else model
    data = TensorDataset(torch.ones(8, 3), torch.ones(8, 1))
    options = {"loss_fn": nn.MSELoss(), "optimizer": torch.optim.SGD(model.parameters(), lr=0.1), "train_loader": DataLoader(data, batch_size=4), **options}
    return TrainingSetup(model=model, **options)


def sent(folder: RunFolder, job: Job) -> Job:
    return payload.read(folder, payload.write(folder, job).digest)


def test_a_setup_arrives_whole_and_shares_nothing_with_the_kernel(folder):
    setup = training()
    arrived = sent(folder, Job(SETUP, setup, "seed: 0")).what
    assert torch.equal(arrived.model.weight, setup.model.weight)
    assert arrived.optimizer.param_groups[0]["params"][0] is arrived.model.weight
    before = setup.model.weight.detach().clone()
    arrived.model.weight.data.fill_(9.0)
    arrived.train_loader.dataset.tensors[0].fill_(9.0)
    assert torch.equal(setup.model.weight, before)
    assert setup.train_loader.dataset.tensors[0].max() == 1
    assert not any(tensor.is_shared() for tensor in (*setup.model.parameters(), *setup.train_loader.dataset.tensors))


def test_writing_in_one_rank_does_not_reach_the_file(folder):
    job = Job(SETUP, training(), "seed: 0")
    digest = payload.write(folder, job).digest
    payload.read(folder, digest).what.train_loader.dataset.tensors[0].fill_(9.0)
    assert payload.read(folder, digest).what.train_loader.dataset.tensors[0].max() == 1


def test_the_file_is_its_owners_alone(folder):
    payload.write(folder, Job(SETUP, training(), "seed: 0"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.payload.iterdir()} == {0o600}
    assert {path.name for path in folder.payload.iterdir()} == {"job.pt", "cells.json"}


def test_what_is_not_what_the_kernel_wrote_is_not_unpickled(folder):
    shipment = payload.write(folder, Job(SETUP, training(), "seed: 0"))
    path = folder.payload / "job.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(LaunchError, match="sha256 differs"):
        payload.read(folder, shipment.digest)


def test_what_others_can_write_is_not_unpickled(folder):
    shipment = payload.write(folder, Job(SETUP, training(), "seed: 0"))
    os.chmod(folder.payload / "job.pt", 0o622)
    with pytest.raises(LaunchError, match="can be written by others"):
        payload.read(folder, shipment.digest)


def test_a_missing_payload_is_said(folder):
    with pytest.raises(LaunchError, match="cannot be read"):
        payload.read(folder, "")


def test_large_arrays_are_mapped_and_small_ones_are_not(folder):
    large = np.arange(1 << 18, dtype=np.float64).reshape(512, 512)
    held = [large, np.asfortranarray(large), large[::2, ::2], large > 3, np.arange(3), np.array([{}]), large.astype("datetime64[s]")]
    arrived = sent(folder, Job(SETUP, training(train_loader=DataLoader(Numbers(held))), "seed: 0")).what.train_loader.dataset.numbers
    for one, other in zip(held, arrived, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape and np.array_equal(one, other)
    assert arrived[1].flags.f_contiguous
    assert (folder.payload / "job.pt").read_bytes().find(large.tobytes()) > 0
    arrived[0][:] = 0  # a page of its own
    assert large[-1, -1] == (1 << 18) - 1


def test_an_array_that_may_not_be_written_travels_too(folder):
    large = np.arange(1 << 18, dtype=np.float64)
    large.setflags(write=False)
    arrived = sent(folder, Job(SETUP, training(train_loader=DataLoader(Numbers(large))), "seed: 0")).what
    assert np.array_equal(arrived.train_loader.dataset.numbers, large)


def test_an_array_on_a_file_of_the_users_goes_by_its_name(folder, tmp_path):
    on_disk = np.memmap(tmp_path / "data.bin", np.float32, "w+", shape=(1 << 20,))
    on_disk[:] = 2
    on_disk.flush()
    shipment = payload.write(folder, Job(SETUP, training(train_loader=DataLoader(Numbers(on_disk))), "seed: 0"))
    arrived = payload.read(folder, shipment.digest).what.train_loader.dataset.numbers
    assert shipment.bytes < 1 << 20 and arrived[-1] == 2
    arrived[:] = 5
    assert on_disk[-1] == 2


def test_hooks_of_the_users_travel_and_ours_stay(folder):
    model = nn.Linear(3, 1)
    model.register_forward_hook(_users_hook)
    model.register_forward_hook(payload.write)
    arrived = sent(folder, Job(SETUP, training(model), "seed: 0")).what.model
    assert [hook.__name__ for hook in arrived._forward_hooks.values()] == ["_users_hook"]
    assert len(model._forward_hooks) == 2


def _users_hook(module, args, output):
    return output


def test_hooks_on_parameters_travel_too(folder):
    model, calls = nn.Linear(3, 1), []
    model.weight.register_hook(lambda gradient: gradient * 2)
    model.bias.register_post_accumulate_grad_hook(lambda parameter: calls.append(parameter is model.bias))
    setup = sent(folder, Job(SETUP, training(model), "seed: 0")).what
    setup.model(torch.ones(1, 3)).sum().backward()
    assert setup.model.weight.grad.tolist() == [[2.0] * 3] and setup.optimizer.param_groups[0]["params"][0] is setup.model.weight
    assert setup.model.bias._post_accumulate_grad_hooks and calls == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.compile(nn.Linear(3, 1), backend="eager"), lambda: nn.LazyLinear(1), lambda: nn.Linear(3, 1, dtype=torch.complex64),
        lambda: nn.Embedding(9, 3, sparse=True), lambda: nn.Linear(3, 1, device="meta"), lambda: nn.utils.spectral_norm(nn.Linear(3, 1)),
    ],
)  # fmt: skip
def test_odd_models_travel(folder, make):
    setup = training(make(), optimizer=None)
    assert type(sent(folder, Job(SETUP, setup, "seed: 0")).what.model) is type(setup.model)
    assert payload.shipped(Job(SETUP, setup, "seed: 0")).parts


def test_tied_weights_stay_tied(folder):
    model = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
    model[1].weight = model[0].weight
    arrived = sent(folder, Job(SETUP, training(model), "seed: 0")).what.model
    assert arrived[0].weight is arrived[1].weight


def test_a_loss_that_is_tapped_just_now_arrives_as_torch_has_it(folder):
    from nbdebug import watch

    loss = nn.functional.cross_entropy
    with watch():
        digest = payload.write(folder, Job(SETUP, training(loss_fn=loss), "seed: 0")).digest
    assert payload.read(folder, digest).what.loss_fn is loss


def test_workers_that_are_kept_between_epochs_stay_in_the_kernel(folder):
    loader = DataLoader(TensorDataset(torch.ones(8, 3), torch.ones(8, 1)), batch_size=4)
    loader._iterator = iter(loader)  # as persistent workers leave it
    arrived = sent(folder, Job(SETUP, training(train_loader=loader), "seed: 0")).what.train_loader
    assert arrived._iterator is None and len(list(arrived)) == 2 and loader._iterator is not None


def test_what_a_cell_defines_is_in_main_before_any_of_it_runs(folder):
    with cell("""
        import torch
        class Batch:
            pass
        SCALE = torch.full((3,), 2.0)
        def collate(items):
            return Batch()
        def loss(outputs, targets):
            return (outputs - targets).pow(2).mean() * SCALE[0]
    """) as main:
        data = TensorDataset(torch.ones(8, 3), torch.ones(8, 1))
        setup = training(loss_fn=main["loss"], train_loader=DataLoader(data, collate_fn=main["collate"]))
        shipment = payload.write(folder, Job(SETUP, setup, "seed: 0"))
    assert shipment.names == ("Batch", "collate", "loss")
    main_now = vars(sys.modules["__main__"])
    assert "Batch" not in main_now
    try:
        job = payload.read(folder, shipment.digest)
        assert main_now["Batch"] is type(job.what.train_loader.collate_fn([]))
        assert job.what.loss_fn(torch.zeros(1), torch.ones(1)) == 2
    finally:
        for name in shipment.names:
            main_now.pop(name, None)


def test_the_text_of_a_cell_comes_along_with_its_number(folder):
    import linecache
    import traceback

    from nbdebug import source_lines

    with cell("def loss(outputs, targets):\n    raise ValueError('here')", number=12) as main:
        name = main["loss"].__code__.co_filename
        shipment = payload.write(folder, Job(SETUP, training(loss_fn=main["loss"]), "seed: 0"))
    try:
        job = payload.read(folder, shipment.digest)
        with pytest.raises(ValueError) as raised:
            job.what.loss_fn(None, None)
        linecache.checkcache()
        assert "raise ValueError('here')" in "".join(traceback.format_tb(raised.value.__traceback__))
        assert str(source_lines.users_line_of_traceback(raised.tb)).startswith("Cell In[12], line 2: raise")
    finally:
        linecache.cache.pop(name, None)
        source_lines.overrides.pop(name, None)


def test_two_functions_of_a_notebook_still_share_their_variables(folder):
    with cell("""
        counted = [0]
        model = None
        def train(ctx):
            counted[0] += 1
            return look()
        def look():
            return counted[0]
    """) as main:
        job = sent(folder, Job(FUNCTION, main["train"], "seed: 0"))
        assert job.what(None) == 1 and job.what(None) == 2
        assert main["counted"] == [0]


def test_a_variable_and_the_setup_are_one_object_in_the_rank_too(folder):
    with cell("""
        import torch
        model = torch.nn.Linear(3, 1)
        def batch_loss(setup, batch):
            return model(batch[0]).mean()
    """) as main:
        setup = training(main["model"], batch_loss=main["batch_loss"], loss_fn=None)
        arrived = sent(folder, Job(SETUP, setup, "seed: 0")).what
        arrived.model.weight.data.zero_()
        arrived.model.bias.data.zero_()
        assert arrived.batch_loss(arrived, [torch.ones(2, 3)]) == 0


def test_modules_beside_the_notebook_are_found_by_the_ranks(folder, tmp_path, monkeypatch):
    (tmp_path / "my_layers.py").write_text("import torch\nclass Head(torch.nn.Linear):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_layers

    shipment = payload.write(folder, Job(SETUP, training(my_layers.Head(3, 1)), "seed: 0"))
    assert "my_layers" in {part.name for part in shipment.parts if part.kind.startswith("module")}
    sys.modules.pop("my_layers")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
    assert type(payload.read(folder, shipment.digest).what.model).__name__ == "Head"
    assert str(tmp_path) in sys.path


def test_the_list_of_what_is_shipped_names_the_big_ones(folder):
    with cell("""
        import torch
        forgotten = torch.ones(1 << 20)
        def loss(outputs, targets):
            return (outputs - targets).mean() + forgotten[0]
    """) as main:
        job = Job(SETUP, training(loss_fn=main["loss"]), "seed: 0")
        dry, written = payload.shipped(job), payload.write(folder, job)
    captured = next(part for part in dry.parts if part.kind == "captured")
    assert captured.name == "forgotten" and (4 << 20) <= captured.bytes < (4 << 20) + 1000
    assert dry.parts == written.parts and dry.names == written.names and not dry.digest
    assert abs(dry.bytes - written.bytes) < 1 << 16
    assert [part.bytes for part in dry.parts] == sorted((part.bytes for part in dry.parts), reverse=True)


def test_a_tensor_of_several_owners_is_written_once(folder):
    data = torch.ones(1 << 20)
    loader = DataLoader(Numbers([data, data[:10], data.view(2, -1)]))
    assert payload.write(folder, Job(SETUP, training(train_loader=loader), "seed: 0")).bytes < (4 << 20) + (1 << 16)


def uses_a_lock(outputs, targets, lock=threading.Lock()):  # noqa: B008
    return outputs.mean()


@pytest.mark.parametrize(
    ("make", "named", "advice"),
    [
        (lambda: Path(__file__).open(), "train_loader.dataset.numbers.extra", "keep its path"),  # noqa: SIM115
        (lambda: Path(__file__).open("rb"), "train_loader.dataset.numbers.extra", "keep its path"),  # noqa: SIM115
        (sys._getframe, "train_loader.dataset.numbers.extra", "leave it out"),
        (threading.Lock, "train_loader.dataset.numbers.extra", "where it is first used"),
        (lambda: (i for i in range(3)), "train_loader.dataset.numbers.extra", "make a list of it"),
        (lambda: {"a": [1, threading.Lock()]}, "train_loader.dataset.numbers.extra['a'][1]", "where it is first used"),
    ],
)
def test_what_cannot_be_shipped_is_named(folder, make, named, advice):
    inner = Numbers([1])
    inner.extra = make()
    with pytest.raises(LaunchError) as raised:
        payload.write(folder, Job(SETUP, training(train_loader=DataLoader(Numbers(inner))), "seed: 0"))
    assert str(raised.value).startswith(f"{named} cannot be shipped to the ranks: ") and advice in str(raised.value)
    assert list(folder.payload.iterdir()) == []


def test_a_variable_that_a_function_uses_is_named(folder):
    with cell("""
        import threading
        lock = threading.Lock()
        def counted(values):
            with lock:
                return values
        def train(ctx):
            return counted([1])
    """) as main:
        with pytest.raises(LaunchError, match="^lock, which counted uses, cannot be shipped"):
            payload.write(folder, Job(FUNCTION, main["train"], "seed: 0"))
        with pytest.raises(LaunchError, match="^argument 1 cannot be shipped"):
            payload.shipped(Job(FUNCTION, len, "seed: 0", (threading.Lock(),)))


def test_a_parametrized_module_is_named_and_a_factory_advised(folder):
    model = nn.Sequential(nn.Linear(3, 3), nn.utils.parametrizations.weight_norm(nn.Linear(3, 1)))
    with pytest.raises(LaunchError, match=r"^model\[1\] cannot be shipped .*only the state_dict; pass launch\(\) a function"):
        payload.write(folder, Job(SETUP, training(model), "seed: 0"))


def test_a_scripted_model_is_refused(folder):
    with pytest.raises(LaunchError, match="^model cannot be shipped .*as it was before torch.jit.script"):
        payload.write(folder, Job(SETUP, training(torch.jit.script(nn.Linear(3, 1))), "seed: 0"))


def test_what_fails_in_the_users_own_reduce_is_named(folder):
    class Stubborn:
        def __reduce__(self):
            raise RuntimeError("never")

    with pytest.raises(LaunchError, match=r"train_loader.dataset.numbers\[0\] cannot be shipped .*never"):
        payload.write(folder, Job(SETUP, training(train_loader=DataLoader(Numbers([Stubborn()]))), "seed: 0"))


def test_a_full_disk_is_said(folder, monkeypatch):
    from nbdebug.training.payload import writing

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, "write", full)
    with pytest.raises(LaunchError, match="could not be written .*No space left on device"):
        payload.write(folder, Job(SETUP, training(), "seed: 0"))
    assert list(folder.payload.iterdir()) == []


def test_a_factory_travels_with_what_it_uses(folder):
    with cell("""
        import torch, nbdebug
        def make():
            return nbdebug.TrainingSetup(torch.nn.Linear(width, 1))
        width = 5
    """) as main:
        assert sent(folder, Job(FACTORY, main["make"], "seed: 0")).what().model.in_features == 5
