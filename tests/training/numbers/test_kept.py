"""What was seen of the layers, in the run's folder: read back, gone on with, and shown."""

from __future__ import annotations

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import nbdebug
from nbdebug.training.folder import RunFolder
from nbdebug.training.record import layers
from nbdebug.training.view.box import Box
from nbdebug.training.view.buttons import Buttons
from nbdebug.training.view.picture import Pictures
from tests.training.numbers import trainings


def launched(steps=40, every=2, **told):
    return nbdebug.launch(trainings.plain(), max_steps=steps, watch={"layers": every}, preflight=False, **told).wait(240)


def test_tensorboard_reads_histograms_and_sizes():
    run = launched()
    read = EventAccumulator(str(run.folder.tensorboard / "layers"), size_guidance={"histograms": 0, "scalars": 0})
    read.Reload()
    seen = {(t.what, t.name): t for t in layers.read(run.folder).result.tensors}
    assert set(read.Tags()["histograms"]) == {f"{what} magnitude/{name}" for what, name in seen}
    track = seen["weight", "0.weight"]
    event = read.Histograms("weight magnitude/0.weight")[-1]
    assert event.step == track.steps[-1] == 40 and event.histogram_value.num == track.looked_at[-1]
    assert sum(event.histogram_value.bucket) == track.looked_at[-1]
    assert np.isclose(np.sqrt(event.histogram_value.sum_squares / event.histogram_value.num), track.rms[-1], rtol=1e-4)
    scalars = read.Tags()["scalars"]
    assert {"gradient norm", "weight rms/0.weight", "update over weight/0.weight", "activation gradient rms/0"} <= set(scalars)
    assert np.isclose(read.Scalars("weight rms/0.weight")[-1].value, track.rms[-1], rtol=1e-5)
    above = EventAccumulator(str(run.folder.tensorboard))
    above.Reload()
    assert "loss" in above.Tags()["scalars"] and not above.Tags()["histograms"]  # the curves are not mixed with them


def test_no_event_file_without_tensorboard():
    assert not launched(4, log={"tensorboard": False}).folder.tensorboard.exists()


def test_a_resumed_run_goes_on_with_what_was_seen():
    first = launched(40, every=2, checkpoint={"every_steps": 20})
    whole = layers.read(first.folder)
    resumed = nbdebug.launch(
        trainings.plain(), max_steps=60, watch={"layers": 2}, preflight=False, resume=str(first.folder.checkpoints / "step-00000020.pt")
    ).wait(240)  # fmt: skip
    seen = layers.read(resumed.folder)
    track, before = (next(t for t in kept.result.tensors if (t.what, t.name) == ("weight", "0.weight")) for kept in (seen, whole))
    assert track.steps == (1, *range(2, 61, 2)) and track.rms[: track.steps.index(40) + 1] == before.rms
    assert seen.result.tracks["loss"].steps == tuple(range(1, 61)) and seen.looks == 31
    assert all(verdict.state != "not checked" or "resumed" not in verdict.reason for verdict in seen.verdicts)


def test_nothing_is_said_of_a_resumed_run_whose_beginning_is_gone():
    first = launched(20)
    layers.path_of(first.folder).unlink()
    resumed = nbdebug.launch(trainings.plain(), max_steps=40, watch={"layers": 2}, preflight=False, resume=first.id).wait(240)
    seen = layers.read(resumed.folder)
    assert seen.findings == () and {verdict.state for verdict in seen.verdicts} == {"not checked"}
    assert {"resumed" in verdict.reason for verdict in seen.verdicts} == {True}


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"PK\x03\x04 no archive"), lambda path: path.write_bytes(path.read_bytes()[:-200]), lambda path: path.unlink()])
def test_a_file_that_cannot_be_read_is_none(spoil):
    run = launched(6)
    spoil(layers.path_of(run.folder))
    assert layers.read(run.folder) is None and layers.told(run.folder) == () and layers.before(run.folder, 3) is None
    assert "loss" in str(run.report())


def test_a_pickle_is_not_loaded(tmp_path):
    folder = RunFolder(tmp_path)
    np.savez(layers.path_of(folder), about=np.array([{"version": 1}], dtype=object), kept=np.array([object()]), latest=np.array([object()]))
    assert layers.read(folder) is None


def test_the_live_view_has_the_maps():
    run = launched()
    pictures = Pictures(run)
    picture = pictures.take()
    assert [m.title for m in picture.layers] == [
        "activation size, layer by step", "gradient at each layer's output, layer by step", "update against weight, parameter by step",
    ]  # fmt: skip
    assert picture.layers[0].rows == ("0", "1", "2", "3", "4", "5") and len(picture.layers[0].columns) == 21
    assert pictures.take().layers is picture.layers  # read once
    box = Box(Buttons(run))
    box.put(picture)
    assert "Activation size" in box._parts["layers"].value
    assert "activation size" in str(picture.page())
