"""Event files, read back with TensorBoard's own reader."""

from __future__ import annotations

import builtins
import math
import os

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.text.metadata import PLUGIN_NAME

from nbdebug.errors import SetupError
from nbdebug.findings import ERROR, Finding, Location
from nbdebug.instruments.watch import tensorboard
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.tensorboard import EventFiles
from tests.instruments import watch_results as results
from tests.instruments.watch_results import tensor, track

EVERYTHING = {name: 0 for name in ("scalars", "tensors", "histograms", "images")}  # 0 keeps all


def read(folder):
    accumulator = EventAccumulator(os.fspath(folder), size_guidance=EVERYTHING)
    return accumulator.Reload()


def written(folder, result: WatchResult, findings=()):
    files = EventFiles(folder)
    files.close(result, findings)
    assert files.trouble == ""
    return read(folder)


def scalars(accumulator, tag) -> dict[int, float]:
    return {event.step: event.value for event in accumulator.Scalars(tag)}


def test_every_curve_comes_back(tmp_path):
    accumulator = written(tmp_path, results.CNN)
    assert set(results.CNN.tracks) <= set(accumulator.Tags()["scalars"])
    loss = results.CNN.tracks["loss"]
    assert scalars(accumulator, "loss") == pytest.approx(dict(zip(loss.steps, loss.values, strict=True)), rel=1e-6)


def test_every_tensor_comes_back_as_magnitudes(tmp_path):
    accumulator = written(tmp_path, results.CNN)
    tags = accumulator.Tags()["histograms"]
    assert {"activation magnitude/head", "gradient magnitude/head.weight", "update magnitude/head.weight"} <= set(tags)
    events = accumulator.Histograms("activation magnitude/head")
    head = next(t for t in results.CNN.tensors if t.name == "head")
    assert [event.step for event in events] == list(head.steps)
    values = events[0].histogram_value
    assert sum(values.bucket) == values.num == sum(head.counts[0])
    assert all(math.isfinite(limit) for limit in values.bucket_limit)
    assert list(values.bucket_limit) == sorted(values.bucket_limit)
    assert values.min == 0 and values.max == pytest.approx(3 * head.rms[0])


def test_the_bins_lie_where_the_magnitudes_are(tmp_path):
    accumulator = written(tmp_path, WatchResult(1, 1, 1.0, None, tensors=(tensor("w", "weight", [1.0]),)))
    (event,) = accumulator.Histograms("weight magnitude/w")
    bins = dict(zip(event.histogram_value.bucket_limit, event.histogram_value.bucket, strict=True))
    assert max(bins, key=bins.get) == 2.0  # from 1 to 2


def test_nan_is_counted_where_a_histogram_has_no_place_for_it(tmp_path):
    accumulator = written(tmp_path, results.NAN)
    counts = scalars(accumulator, "NaN or Inf in activation/body.3")
    assert (counts[59], counts[60], counts[61]) == (0, 1, 4096)
    assert scalars(accumulator, "NaN or Inf/activation")[60] == 1
    assert sum(scalars(accumulator, "NaN or Inf/gradient").values()) == 0


def test_nothing_but_nan_is_no_trouble(tmp_path):
    gone = tensor("a", "activation", [math.nan, math.nan], elements=64, bad={0: 64, 1: 64})
    loss = track("loss", [math.nan, math.inf])
    accumulator = written(tmp_path, WatchResult(2, 1, 1.0, None, tracks={"loss": loss}, tensors=(gone,)))
    assert accumulator.Tags()["histograms"] == []
    assert scalars(accumulator, "NaN or Inf in activation/a") == {0: 64, 1: 64}
    assert math.isnan(scalars(accumulator, "loss")[0])


def test_findings_come_as_text(tmp_path):
    finding = Finding("ND603", "gradient not cleared", ERROR, "they pile up", "call zero_grad()", Location(cell=4, line=6))
    accumulator = written(tmp_path, results.ONE_STEP, [finding])
    (event,) = accumulator.Tensors("findings")
    text = event.tensor_proto.string_val[0].decode()
    assert "ND603" in text and "Cell In[4], line 6" in text
    assert accumulator.SummaryMetadata("findings").plugin_data.plugin_name == PLUGIN_NAME


def test_what_was_written_while_it_ran_is_there_and_not_written_again_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "EVERY", 0.0)
    monkeypatch.setattr(tensorboard, "WAIT_FACTOR", 0)
    files = EventFiles(tmp_path)
    for steps in (10, 20, 30):
        files.write(lambda steps=steps: results.run(["0"], steps))
        if steps == 10:
            assert sorted(scalars(read(tmp_path), "gradient norm")) == list(range(9))  # the last may still change
    files.close(results.run(["0"], 30))
    accumulator = read(tmp_path)
    assert [event.step for event in accumulator.Scalars("gradient norm")] == list(range(30))
    assert [event.step for event in accumulator.Histograms("weight magnitude/0.weight")] == list(range(30))


def test_between_two_writings_the_result_is_not_even_asked_for(tmp_path):
    files = EventFiles(tmp_path)
    for _ in range(100):
        files.write(lambda: 1 / 0)
    assert files.trouble == ""
    files.close(results.ONE_STEP)


def test_a_watch_that_is_entered_again_goes_on_in_another_file(tmp_path):
    files = EventFiles(tmp_path)
    files.close(results.run(["0"], 10))
    files.close(results.run(["0"], 20))
    assert files.trouble == "" and len(list(tmp_path.iterdir())) == 2
    assert sorted(scalars(read(tmp_path), "gradient norm")) == list(range(20))


def test_a_disk_that_fails_does_not_stop_the_training(tmp_path, monkeypatch):
    files = EventFiles(tmp_path)
    monkeypatch.setattr(files._writer, "add_event", lambda event: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    files.close(results.ONE_STEP)
    assert "No space left" in files.trouble


def test_without_the_package_the_error_names_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tensorboard"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SetupError, match="pip install tensorboard"):
        EventFiles(tmp_path)


def test_a_folder_that_cannot_be_made_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot write event files"):
        EventFiles(tmp_path / "file" / "runs")
