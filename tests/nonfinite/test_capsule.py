"""A capsule holds the whole step, and nothing that could run; what cannot be written or read is said in a sentence."""

from __future__ import annotations

import os
import pickle
import stat
import sys
import types
import zipfile
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from nbdebug.errors import CapsuleError, SetupError
from nbdebug.nonfinite.kept.capsule import VERSION, Capsule, read, write
from nbdebug.nonfinite.kept.fingerprint import Fingerprint, bits_of, number_of
from nbdebug.nonfinite.kept.flat import Flattener
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.rebuilding import rebuilt
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.kept.training_state import fitting, put_in
from nbdebug.nonfinite.origin import Link, Origin, Values

Pair = namedtuple("Pair", "image label")
MET = Values("input", (2, 3), "float32", -1.0, 2.0, 0.5)
LINK = Link("forward", "aten.div.Tensor", "head", "train.py", 12, None, "x / y", "nan", (MET,), None)
ORIGIN = Origin("forward", 7, "aten.div.Tensor", "head", "train.py", 12, None, "x / y", "sample 3", "domain", "nan", (LINK,), sample=3)


@dataclass
class Sample:
    image: torch.Tensor
    name: str = "seven"
    secret: int = field(init=False, default=3)

    def __post_init__(self) -> None:
        raise AssertionError("no constructor runs while a file is read")


class Encoding(UserDict):
    def __init__(self) -> None:
        raise AssertionError("no constructor runs while a file is read")


def step_in(directory: Path, *, model: nn.Module | None = None, batch: Any = None, weights: bool = True, **more: Any) -> str:
    """A small training stands before its second step, and is written."""
    model = model or nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.randn(5, 3)).square().mean().backward()
    optimizer.step()
    snapshot = Snapshot.take([model], [optimizer], batch=batch, weights=weights)
    return write(directory, Parts({"model": model}, (optimizer,)), snapshot, **{"step": 7, "origin": None, "loss": 0.1} | more)


def test_it_is_one_file_of_its_owner(tmp_path: Path) -> None:
    path = step_in(tmp_path / "new", batch=(torch.ones(2), None))
    assert os.listdir(tmp_path / "new") == ["step-7.nbd"] and path == str(tmp_path / "new" / "step-7.nbd")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    capsule = read(path)
    assert (capsule.step, capsule.of, capsule.tripped, capsule.precision, capsule.limits) == (7, "setup", "gradients", "32-true", ())
    assert capsule.bytes == os.path.getsize(path)
    assert capsule.environment["torch"] == torch.__version__ and capsule.environment["threads"] == "1"


def test_what_is_told_comes_back_equal(tmp_path: Path) -> None:
    capsule = read(step_in(tmp_path, origin=ORIGIN, loss=torch.tensor(float("nan")), indices=(4, 2), texts={"loop": "for x in …"}))
    assert capsule.origin == ORIGIN and capsule.indices == (4, 2) and capsule.loss == "nan" and capsule.tripped == "loss"
    assert capsule.sources["loop"] == "for x in …"


def test_the_users_own_code_is_in_it_as_text(tmp_path: Path) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(x)

    capsule = read(step_in(tmp_path, model=Own()))
    assert "return self.head(x)" in capsule.sources["test_capsule.py"]


@pytest.mark.parametrize("loss", [0.1, float("inf"), float("-inf"), float("nan"), 5e-324])
def test_a_loss_is_kept_to_the_bit(loss: float) -> None:
    back = number_of(bits_of(loss))
    assert back == loss or (back != back and loss != loss)
    assert bits_of(torch.tensor(0.1)) == bits_of(float(torch.tensor(0.1)))


def test_fingerprints_tell_bits_and_not_patterns_of_nan() -> None:
    model = nn.Linear(2, 1)
    parts = Parts({"model": model})
    one = Fingerprint.of(parts)
    assert one.gradients == ""
    model.weight.grad = torch.tensor([[float("nan"), 1.0]])
    first = Fingerprint.of(parts)
    model.weight.grad = torch.tensor([[2143289345, 1065353216]], dtype=torch.int32).view(torch.float32)  # another NaN
    assert Fingerprint.of(parts) == first
    model.weight.grad[0, 1] = 1 + 2**-23
    assert Fingerprint.of(parts).gradients != first.gradients


# -- batches --------------------------------------------------------------------------------------------------------


def through(value: Any) -> Any:
    return rebuilt(Flattener()(value))


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2.5, "text", b"\x00\x01", b"", 1 + 2j, [], [1, [2]], (), (1, "a"), {"a": 1, 2: (3,)}, {1, 2}, frozenset("ab"),
        OrderedDict(a=1), torch.float16, torch.device("cpu"), Pair(1, 2), torch.Size([2, 3]), 10**30, float("inf"),
    ],
)  # fmt: skip
def test_plain_values_come_back(value: Any) -> None:
    back = through(value)
    assert back == value and (type(back) is type(value) or isinstance(value, torch.Size))


def test_tensors_keep_dtype_strides_and_identity() -> None:
    image = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    others = torch.arange(6).reshape(2, 3).T, torch.zeros(0, 3), torch.tensor(2.0), torch.ones(2).half(), torch.ones(2).bfloat16()
    for tensor in (image, *others):
        back = through(tensor)
        assert back.stride() == tensor.stride() and back.dtype == tensor.dtype and torch.equal(back, tensor)
    one, other = through((image, image))
    assert one is other
    assert through(torch.ones(2, requires_grad=True)).requires_grad
    assert through(torch.arange(100.0)[3:5]).untyped_storage().nbytes() == 8


def test_mappings_dataclasses_and_arrays_of_classes_that_are_imported() -> None:
    sample = object.__new__(Sample)
    sample.__dict__.update(image=torch.ones(2), name="six", secret=4)
    back = through(sample)
    assert type(back) is Sample and back.name == "six" and back.secret == 4
    encoding = object.__new__(Encoding)
    encoding.__dict__.update(data={"input_ids": torch.ones(2)}, n_sequences=1)
    again = through(encoding)
    assert type(again) is Encoding and torch.equal(again["input_ids"], torch.ones(2)) and again.n_sequences == 1
    assert through(defaultdict(list, a=[1])) == {"a": [1]}
    packed = through(pack_sequence([torch.ones(3, 2), torch.ones(1, 2)]))
    assert packed.batch_sizes.tolist() == [2, 1, 1]
    for array in (np.arange(6, dtype=">i4").reshape(2, 3), np.array(["a", "bc"]), np.float32(0.1)):
        assert np.array_equal(through(array), array)


def test_what_transformers_makes_comes_back() -> None:
    from transformers import BatchEncoding
    from transformers.modeling_outputs import SequenceClassifierOutput

    encoding = through(BatchEncoding({"input_ids": torch.ones(1, 2, dtype=torch.long)}))
    assert isinstance(encoding, BatchEncoding) and torch.equal(encoding.to("cpu")["input_ids"], torch.ones(1, 2, dtype=torch.long))
    output = through(SequenceClassifierOutput(loss=torch.tensor(1.0), logits=torch.ones(2)))
    assert isinstance(output, SequenceClassifierOutput) and output.loss == 1 and output[1] is output.logits


def test_a_class_that_nobody_imported_becomes_a_plain_thing() -> None:
    flat = Flattener()(Pair(1, 2))
    flat["type"] = "antigravity:Pair"
    assert rebuilt(flat) == types.SimpleNamespace(image=1, label=2)
    assert "antigravity" not in sys.modules
    flat["type"] = "subprocess:Popen"
    assert rebuilt(flat) == types.SimpleNamespace(image=1, label=2)


def test_what_has_no_plain_form_is_told(tmp_path: Path) -> None:
    capsule = read(step_in(tmp_path, batch={"image": torch.ones(2), "meta": object()}))
    assert capsule.batch()["meta"] is None
    assert capsule.limits == ("batch['meta'] has no plain form and is not in the capsule",)


def test_a_batch_that_the_step_wrote_to_is_told(tmp_path: Path) -> None:
    model, batch = nn.Linear(2, 1), {"x": torch.ones(1, 2)}
    snapshot = Snapshot.take([model], batch=batch)
    batch["x"].zero_()
    capsule = read(write(tmp_path, Parts({"model": model}), snapshot, step=0, origin=None, loss=1.0))
    assert capsule.limits == ("the step wrote into batch['x'], whose first values are lost",)


def test_a_ring_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(CapsuleError, match="holds itself"):
        Flattener()(ring)


# -- the state of a training ------------------------------------------------------------------------------------------


def test_the_state_is_that_of_the_start_of_the_step(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model[1].register_buffer("hidden", torch.ones(2), persistent=False)
    optimizer, scaler = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.1)), torch.amp.GradScaler("cpu", init_scale=4.0)
    parts = Parts({"model": model}, (optimizer,), (scaler,))

    def step() -> None:
        scaler.scale(model(torch.randn(5, 3)).square().mean()).backward()
        scaler.step(optimizer)
        scaler.update()

    step()
    model[1].eval()
    snapshot, before = Snapshot.take([model], [optimizer], [scaler]), Fingerprint.of(parts)
    state, moments = {k: v.clone() for k, v in model.state_dict().items()}, optimizer.state[model[0].weight]["exp_avg"].clone()
    model[1].train()
    step()
    optimizer.param_groups[0]["lr"] = 7.0
    capsule = read(write(tmp_path, parts, snapshot, step=1, origin=None, loss=1.0))
    for _ in range(3):
        step()
    scaler.update(64.0)
    put_in(parts, capsule.state, gradients=True)
    assert Fingerprint.of(parts) == before and scaler.get_scale() == 4.0 and not model[1].training and model.training
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in state.items())
    assert torch.equal(optimizer.state[model[0].weight]["exp_avg"], moments) and optimizer.param_groups[0]["lr"] == torch.tensor(0.1)
    assert optimizer.state[model[0].weight]["step"] == 1


def test_it_fits_the_same_model_however_it_is_wrapped(tmp_path: Path) -> None:
    torch.manual_seed(1)
    inner = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    wrapped = torch.compile(inner, backend="eager")
    capsule = read(step_in(tmp_path, model=wrapped))
    other = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    fitting(Parts({"model": other}), capsule.state)
    put_in(Parts({"model": other}), capsule.state, gradients=False)
    assert torch.equal(other[0].weight, inner[0].weight)


def test_tied_and_unregistered_parameters_and_several_models(tmp_path: Path) -> None:
    one, two, loose = nn.Linear(2, 2), nn.Linear(2, 2), nn.Parameter(torch.tensor([3.0]))
    two.weight = one.weight
    optimizer = torch.optim.SGD([one.weight, loose], lr=0.1, momentum=0.9)
    parts = Parts({"G": one, "D": two}, (optimizer,))
    (one.weight.sum() * loose).sum().backward()
    optimizer.step()
    capsule = read(write(tmp_path, parts, Snapshot.take([one, two], [optimizer]), step=0, origin=None, loss=1.0))
    assert set(capsule.state["parameters"]) == {"G.weight", "G.bias", "D.weight", "D.bias", "optimizer[0] parameter 1"}
    saved = loose.item()
    with torch.no_grad():
        loose.zero_()
        one.weight.zero_()
    fitting(parts, capsule.state)
    put_in(parts, capsule.state, gradients=False)
    assert loose.item() == saved and torch.equal(one.weight, capsule.state["parameters"]["D.weight"]) and one.weight is two.weight


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda: _model(nn.Linear(3, 4), nn.BatchNorm1d(4)), r"2\.weight \(2, 4\) is missing here"),
        (lambda: _model(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)), r"0\.weight is \(4, 3\) in the capsule and \(5, 3\) here; .* more"),
        (lambda: _model(*_layers(), nn.Linear(2, 2)), r"3\.\w+ .* is not in the capsule"),
        (lambda: _model(*(layer.double() for layer in _layers())), "is torch.float32 in the capsule and torch.float64 here"),
        (lambda: _model(*_layers(), nn.Dropout()), "3 is not in the capsule"),
        (lambda: _with(torch.optim.SGD, lambda m: m.parameters()), "the optimizer Adam, the setup has SGD"),
        (lambda: _with(torch.optim.Adam, lambda m: list(m.parameters())[1:]), "groups of"),
        (lambda: _with(torch.optim.Adam, lambda m: m.parameters(), scaler=True), "without a GradScaler"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(tmp_path: Path, change: Any, said: str) -> None:
    capsule = read(step_in(tmp_path))
    with pytest.raises(SetupError, match=said):
        fitting(change(), capsule.state)


def _layers() -> list[nn.Module]:
    return [nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)]


def _model(*layers: nn.Module) -> Parts:
    return Parts({"model": nn.Sequential(*layers)})


def _with(kind: Any, choose: Any, scaler: bool = False) -> Parts:
    model = nn.Sequential(*_layers())
    return Parts({"model": model}, (kind(choose(model), lr=0.1),), (torch.amp.GradScaler("cpu"),) * scaler)


def test_without_a_copy_of_the_weights_those_of_now_are_taken(tmp_path: Path) -> None:
    capsule = read(step_in(tmp_path, weights=False, tripped="weights"))
    assert capsule.limits == ("the weights are those of after the step: no copy was kept from before it",)


def test_meta_sparse_and_quantised_buffers(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    kinds = {"meta": torch.zeros(2, device="meta"), "sparse": torch.eye(3).to_sparse(), "complex": torch.ones(2, dtype=torch.complex64).conj()}
    for name, buffer in kinds.items():
        model.register_buffer(name, buffer)
    capsule = read(step_in(tmp_path, model=model))
    model.sparse._values().zero_()
    assert put_in(Parts({"model": model}), capsule.state, gradients=False) == []
    assert torch.equal(model.sparse.to_dense(), torch.eye(3)) and capsule.state["buffers"]["meta"].is_meta


def test_a_tensor_of_tensors_is_refused(tmp_path: Path) -> None:
    from torch.testing._internal.two_tensor import TwoTensor

    with pytest.raises(CapsuleError, match=r"batch\['x'\] is a TwoTensor, which is made of other tensors"):
        step_in(tmp_path, batch={"x": TwoTensor(torch.ones(2), torch.ones(2))})


# -- safety -----------------------------------------------------------------------------------------------------------


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("place", ["top", "state", "batch"])
def test_code_in_a_file_never_runs(tmp_path: Path, legacy: bool, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path, mark = tmp_path / "bad.nbd", tmp_path / "it-ran"
    content = torch.load(step_in(tmp_path), weights_only=True)
    content[place] = Bomb(mark)
    torch.save(Bomb(mark) if place == "top" else content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CapsuleError, match="is not a capsule of nbdebug"):
        read(path)
    assert not mark.exists()


def test_a_plain_pickle_never_runs(tmp_path: Path) -> None:
    path, mark = tmp_path / "bad.nbd", tmp_path / "it-ran"
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(CapsuleError, match="is not a capsule of nbdebug"):
        read(path)
    assert not mark.exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_damaged(tmp_path: Path, share: float) -> None:
    path = Path(step_in(tmp_path))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(CapsuleError, match="damaged: it ends too early" if share else "is not a capsule"):
        read(path)


def test_a_flipped_bit_is_seen(tmp_path: Path) -> None:
    path = Path(step_in(tmp_path, batch=torch.zeros(1000)))
    octets = bytearray(path.read_bytes())
    octets[octets.find(bytes(3000)) + 1000] = 1
    path.write_bytes(octets)
    with pytest.raises(CapsuleError, match="damaged: a check sum"):
        read(path)


def _tampered(tmp_path: Path, **changes: Any) -> Path:
    content = torch.load(step_in(tmp_path), weights_only=True) | changes
    torch.save(content, tmp_path / "other.nbd")
    return tmp_path / "other.nbd"


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CapsuleError, match=rf"newer nbdebug \(format {VERSION + 1}, this one reads {VERSION}\)"):
        read(_tampered(tmp_path, version=VERSION + 1))


@pytest.mark.parametrize("changes", [{"format": "other"}, {"version": "1"}, {"version": None}])
def test_a_foreign_file_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(CapsuleError, match="is not a capsule of nbdebug"):
        read(_tampered(tmp_path, **changes))


@pytest.mark.parametrize("changes", [{"origin": 3}, {"fingerprint": {}}, {"sources": 4}, {"limits": None}, {"indices": 1}])
def test_a_file_that_was_changed_by_hand_is_damaged(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(CapsuleError, match="changed by hand"):
        read(_tampered(tmp_path, **changes))


@pytest.mark.parametrize("batch", [{"kind": "tuple"}, {"kind": "eval", "items": []}, {"kind": "namedtuple", "type": 3}, {"kind": []}])
def test_a_batch_that_was_changed_by_hand_is_damaged(tmp_path: Path, batch: Any) -> None:
    with pytest.raises(CapsuleError):
        read(_tampered(tmp_path, batch=batch)).batch()


def test_a_dtype_is_looked_up_among_dtypes_only() -> None:
    assert rebuilt({"kind": "dtype", "name": "load"}) is None


def test_other_files_and_no_file(tmp_path: Path) -> None:
    other = tmp_path / "weights.pt"
    torch.save({"weight": torch.ones(2)}, other)
    text = tmp_path / "notes.nbd"
    text.write_text("hello")
    archive = tmp_path / "archive.nbd"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.txt", "hello")
    for path in (other, text, archive):
        with pytest.raises(CapsuleError, match="is not a capsule of nbdebug"):
            read(path)
    with pytest.raises(CapsuleError, match="there is no file"):
        read(tmp_path / "none.nbd")
    with pytest.raises(CapsuleError, match="could not be read"):
        read(tmp_path)


def test_a_directory_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(CapsuleError, match="could not be written to .*: (Not a directory|File exists)"):
        step_in(blocked / "inside")
    if os.geteuid():
        tmp_path.chmod(0o500)
        with pytest.raises(CapsuleError, match="Permission denied"):
            step_in(tmp_path)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed writing file")])
def test_a_full_disk_leaves_the_earlier_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    path = Path(step_in(tmp_path))
    before = path.read_bytes()

    def save(content: Any, file: Any) -> None:
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(CapsuleError, match="could not be written to .*(No space left|failed writing)"):
        step_in(tmp_path)
    assert os.listdir(tmp_path) == ["step-7.nbd"] and path.read_bytes() == before


def test_it_can_be_read_twice(tmp_path: Path) -> None:
    capsule = read(step_in(tmp_path, batch=[torch.ones(2)]))
    assert isinstance(capsule, Capsule)
    capsule.batch()[0].zero_()
    assert capsule.batch()[0].sum() == 2 and capsule.random_states()["random state: Python"][0] == 3


def test_weights_that_were_copied_only_before_the_update(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    parts, batch = Parts({"model": model}, (optimizer,)), torch.randn(5, 3)
    start, weights, running = Snapshot.take([model], batch=batch, weights=False), Fingerprint.of(parts).weights, model[1].running_mean.clone()
    loss = model(batch).square().mean()
    loss.backward()
    update = Snapshot.take((), [optimizer])
    optimizer.step()
    path = write(tmp_path, parts, start, step=0, origin=None, loss=loss, tripped="weights", update=update, of="loop")
    capsule = read(path)
    assert capsule.limits == () and capsule.state["optimizers"][0]["state"] == []
    put_in(parts, capsule.state, gradients=False)
    assert Fingerprint.of(parts).weights == weights and torch.equal(model[1].running_mean, running) and not optimizer.state
