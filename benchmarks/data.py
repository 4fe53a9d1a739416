"""What it costs to look at all of the data: memory, seconds beside ydata-profiling, images a second, and whether a budget holds.

    python benchmarks/data.py --peer-python /path/to/python            # all of it: half an hour
    python benchmarks/data.py --rows 2_000_000 --gigabytes 0.5         # a quick run

*memory*: a stream of rows and a data set of pictures made on the fly are audited as a whole, beside a bare loop over the same; what counts is
how much higher the peak of the process is. *table*: a table in memory beside the minimal mode of ydata-profiling, whose own interpreter is
asked for (it wants an older pandas); only the time of its description counts, without drawing. The statistics of both are compared one by one.
*images*: images a second of an audit beside a bare loop, in turn and repeated, as medians; *pass* is the reading alone, without the
questions that are asked once afterwards. *box*: an audit of an endless stream.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy
import torch
from _trainings import in_fresh_process
from torch.utils.data import DataLoader, Dataset, IterableDataset

import nbdebug

COLUMNS, BATCH, STREAM_BATCH = 20, 64, 8192
SIDE, WIDE, TALL = 224, 500, 375  # pixels of what is delivered, and of the photographs
PICTURES = 32  # different photographs
BOUNDS = {"memory": 600.0, "table": 10.0, "images": 1.15, "box": 11.0}  # MB at most, times faster at least, times slower at most, seconds at most
PARTS = tuple(BOUNDS)
QUANTILES = {"5%": 2, "25%": 3, "50%": 4, "75%": 5, "95%": 6}  # of the peer → place in Columns.quantiles


class Stream(IterableDataset):
    """Rows of numbers with a label, in batches, as many as wanted."""

    def __init__(self, rows: float) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        random, done = numpy.random.default_rng(0), 0
        while done < self.rows:
            size = int(min(STREAM_BATCH, self.rows - done))
            done += size
            yield torch.from_numpy(random.standard_normal((size, COLUMNS), dtype=numpy.float32)), torch.from_numpy(random.integers(0, 10, size))


class Pictures(Dataset):
    """Photographs as JPEG in memory; each is decoded and a part of it cut out and resized, as trainings on ImageNet do."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.files = [_photograph(number) for number in range(PICTURES)]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        random = numpy.random.default_rng(index)
        side = int(random.integers(200, TALL))
        left, top = int(random.integers(0, WIDE - side)), int(random.integers(0, TALL - side + 1))
        picture = Image.open(io.BytesIO(self.files[index % PICTURES])).convert("RGB")
        picture = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
        return torch.from_numpy(numpy.asarray(picture).copy()).permute(2, 0, 1).contiguous(), index % 10


def _photograph(number: int) -> bytes:
    """A JPEG of 500 by 375 pixels, as large as most of ImageNet, with shapes of all sizes and some grain."""
    from PIL import Image

    random, values = numpy.random.default_rng(number), numpy.zeros((TALL, WIDE, 3))
    for size in (2, 4, 8, 16, 32, 64):
        patch = Image.fromarray(random.integers(0, 256, (size, size, 3)).astype("uint8")).resize((WIDE, TALL), Image.Resampling.BICUBIC)
        values += numpy.asarray(patch) / size**0.5
    values += random.normal(0, 4, values.shape)
    written = io.BytesIO()
    Image.fromarray(numpy.clip(values / values.max() * 255, 0, 255).astype("uint8")).save(written, "JPEG", quality=90)
    return written.getvalue()


# -- memory -----------------------------------------------------------------------------------------------------


def loader_of(what: str, amount: float) -> DataLoader:
    """`amount` rows of the stream, or bytes of pictures."""
    if what == "stream":
        return DataLoader(Stream(amount), batch_size=None)
    return DataLoader(Pictures(int(amount / (3 * SIDE * SIDE))), batch_size=BATCH)


def peak(what: str, amount: float, audited: bool) -> tuple[float, float, int]:
    """Highest memory of this process in MB, seconds, and samples."""
    loader, samples, started = loader_of(what, amount), 0, time.perf_counter()
    if audited:
        report = nbdebug.data_audit(loader, budget=None)
        samples = report.result.train.samples
        if not report.result.train.whole or report.result.unanswered:
            raise SystemExit(f"not all of it was audited: {report.stopped or report.result.unanswered}")
    else:
        for inputs, _ in loader:
            samples += len(inputs)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.perf_counter() - started, samples


def memory(rows: float, gigabytes: float) -> None:
    print(f"memory: peak of a process, audited as a whole and in a bare loop\n{'':<28}{'bare':>9}{'audited':>9}{'extra':>9}{'bound':>9}{'seconds':>9}{'bare':>9}")
    for what, amount in (("stream", rows), ("pictures", gigabytes * 1e9)):
        bare, bare_seconds, _ = in_fresh_process(peak, what, amount, False)
        high, seconds, samples = in_fresh_process(peak, what, amount, True)
        name = f"{samples:,} {'rows x 20' if what == 'stream' else 'images'}"
        bound = beyond(high - bare > BOUNDS["memory"])
        print(f"{name:<28}{bare:6.0f} MB{high:6.0f} MB{high - bare:6.0f} MB{BOUNDS['memory']:6.0f} MB{seconds:7.0f} s{bare_seconds:7.0f} s{bound}")


# -- beside ydata-profiling ---------------------------------------------------------------------------------------


PEER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy, pandas, ydata_profiling
kept = numpy.load(sys.argv[1], allow_pickle=True)
frame = pandas.DataFrame({name: kept[name] for name in kept.files})
seconds = []
ydata_profiling.ProfileReport(frame[:1000], minimal=True, progress_bar=False).get_description()
for _ in range(int(sys.argv[2])):
    started = time.perf_counter()
    told = ydata_profiling.ProfileReport(frame, minimal=True, progress_bar=False).get_description().variables
    seconds.append(time.perf_counter() - started)
plain = lambda v: v.item() if isinstance(v, numpy.generic) else v
keep = lambda d: {k: plain(v) for k, v in d.items() if isinstance(plain(v), (int, float, str))}
print(json.dumps({"version": ydata_profiling.__version__, "seconds": seconds, "columns": {n: keep(d) for n, d in told.items()}}))
"""


def table(rows: int) -> dict[str, numpy.ndarray]:
    """Numbers of all sorts: with gaps, of a long tail, whole, few, and a time stamp; and two columns of names."""
    random = numpy.random.default_rng(0)
    columns = {f"normal {i}": random.normal(i, i + 1, rows) for i in range(8)}
    columns |= {f"gamma {i}": random.gamma(i + 1, 2.0, rows) for i in range(4)}
    columns |= {f"count {i}": random.poisson(3 * i + 1, rows) for i in range(3)}
    columns["time stamp"] = 1.6e9 + random.random(rows)
    columns["gaps"] = numpy.where(random.random(rows) < 0.1, numpy.nan, random.normal(size=rows))
    columns["zeros"] = numpy.where(random.random(rows) < 0.5, 0.0, random.normal(size=rows))
    columns["city"] = numpy.array(["Rome", "Oslo", "Lima", "Cairo"], dtype=object)[random.integers(0, 4, rows)]
    columns["street"] = numpy.array([f"street {i}" for i in range(500)], dtype=object)[random.integers(0, 500, rows)]
    return columns


def beside_the_peer(rows: int, peer_python: str, runs: int) -> None:
    import pandas

    columns = table(rows)
    frame = pandas.DataFrame(columns)
    seconds, report = [], None
    nbdebug.data_audit(frame[:1000], budget=None)  # imports and lazy set-up
    for _ in range(runs):
        started = time.perf_counter()
        report = nbdebug.data_audit(frame, budget=None)
        seconds.append(time.perf_counter() - started)
    print(f"\ntable: {rows:,} x {len(columns)} in memory, full pass\n  nbdebug.data_audit        median {statistics.median(seconds):8.2f} s of {runs}")
    if report is None or report.result.unanswered:
        print(f"  unanswered: {report and report.result.unanswered}")
    told = peer_says(columns, peer_python, min(runs, 2))
    if told is None:
        print("  ydata-profiling: not there; pass --peer-python /path/to/python of an environment with `pip install ydata-profiling`")
        return
    ratio = statistics.median(told["seconds"]) / statistics.median(seconds)
    print(f"  ydata-profiling {told['version']:<10}median {statistics.median(told['seconds']):8.2f} s of {min(runs, 2)}, minimal, description only")
    print(f"  x {ratio:.1f} faster, bound x {BOUNDS['table']:.0f}{beyond(ratio < BOUNDS['table'])}")
    compare(frame, told["columns"])


def peer_says(columns: dict[str, numpy.ndarray], python: str, runs: int) -> dict[str, Any] | None:
    if not python or not Path(python).exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "table.npz"
        numpy.savez(kept, **columns)
        done = subprocess.run([python, "-c", PEER, str(kept), str(runs)], capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if done.returncode:
        print(f"  ydata-profiling failed: {done.stderr.strip().splitlines()[-1:]}")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(frame: Any, told: dict[str, dict[str, Any]]) -> None:
    """Prints how far apart the statistics of both are."""
    split = gathered(frame)
    columns, names = split.named("table").columns, split.named("table").axis_names
    apart = dict.fromkeys(("mean", "std", "skewness", "kurtosis", "min", "max", "missing", "zeros", "negative", "distinct"), 0.0)
    rank = 0.0
    for i, name in enumerate(names):
        peer, n = told[name], float(columns.count[i] - columns.missing[i])
        skew = columns.skew[i] * (n * (n - 1)) ** 0.5 / (n - 2)  # pandas corrects for the sample's size
        kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * columns.kurtosis[i] + 6)
        ours = {
            "mean": columns.mean[i], "std": columns.std[i] * (n / (n - 1)) ** 0.5, "skewness": skew, "kurtosis": kurtosis, "min": columns.low[i],
            "max": columns.high[i], "missing": columns.missing[i], "zeros": columns.zeros[i], "negative": columns.negative[i], "distinct": columns.distinct[i],
        }  # fmt: skip
        for word, value in ours.items():
            other = peer.get(word, peer.get(f"n_{word}"))
            if other is not None:
                apart[word] = max(apart[word], abs(value - other) / max(abs(other), 1e-3 if word in ("skewness", "kurtosis", "mean") else 1e-300))
        values = numpy.sort(frame[name].dropna().to_numpy(numpy.float64))
        for word, place in QUANTILES.items():
            share = numpy.searchsorted(values, [columns.quantiles[i, place]] * 1, "left")[0] / n, numpy.searchsorted(values, columns.quantiles[i, place], "right") / n
            wanted = float(word[:-1]) / 100
            rank = max(rank, 0.0 if share[0] <= wanted <= share[1] else min(abs(share[0] - wanted), abs(share[1] - wanted)))
    print("  largest relative difference: " + ", ".join(f"{word} {value:.1g}" for word, value in apart.items()))
    print(f"  quantiles: largest error of rank {rank:.4f}, stated {columns.rank_error:.4f}")
    classes = {name: (len(split.named(name).facts.counts), told[name]["n_distinct"]) for name in ("city", "street")}
    print(f"  different names, ours and theirs: {classes}")


def gathered(data: Any) -> Any:
    """The pass alone."""
    from nbdebug.data.gathering import Gather
    from nbdebug.data.sources import as_source
    from nbdebug.loading import read

    source = as_source(data)
    gather = Gather(source)
    for one in read(source.loader, own=False):
        gather.take(one)
    return gather.split()


# -- images a second, and the box ---------------------------------------------------------------------------------


def images(count: int, runs: int) -> None:
    loader = DataLoader(Pictures(count), batch_size=BATCH)
    nbdebug.data_audit(loader, batches=2)  # imports and lazy set-up
    bare, passed, audited = [], [], []
    for _ in range(runs):
        bare.append(seconds_of(loader))
        started = time.perf_counter()
        gathered(loader)
        passed.append(time.perf_counter() - started)
        started = time.perf_counter()
        nbdebug.data_audit(loader, budget=None)
        audited.append(time.perf_counter() - started)
    ratio, of_pass = (statistics.median(one / other for one, other in zip(some, bare, strict=True)) for some in (audited, passed))
    print(
        f"\nimages: {count:,} of {SIDE} x {SIDE}, decoded as they are asked for, median of {runs}\n"
        f"  bare {count / statistics.median(bare):,.0f} images/s, pass {count / statistics.median(passed):,.0f} images/s (x {of_pass:.3f}), "
        f"audited {count / statistics.median(audited):,.0f} images/s, x {ratio:.3f} slower, bound x {BOUNDS['images']}{beyond(ratio > BOUNDS['images'])}"
    )


def seconds_of(loader: Iterable[Any]) -> float:
    started = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - started


def box() -> None:
    started = time.perf_counter()
    report = nbdebug.data_audit(DataLoader(Stream(float("inf")), batch_size=None), budget="10 s")
    seconds = time.perf_counter() - started
    print(f"\nbox: an endless stream with a budget of 10 s took {seconds:.1f} s, {report.result.train.samples:,} rows{beyond(seconds > BOUNDS['box'])}")


def beyond(missed: bool) -> str:
    return "  MISSED" if missed else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be repeated")
    parser.add_argument("--rows", type=float, default=50e6, help="of the stream")
    parser.add_argument("--gigabytes", type=float, default=20.0, help="of pictures")
    parser.add_argument("--table-rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer-python", default="", help="an interpreter that has ydata-profiling")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, numpy {numpy.__version__}, one thread")
    parts = given.only or PARTS
    if "memory" in parts:
        memory(given.rows, given.gigabytes)
    if "table" in parts:
        beside_the_peer(given.table_rows, given.peer_python, given.runs)
    if "images" in parts:
        images(given.images, given.runs)
    if "box" in parts:
        box()


if __name__ == "__main__":
    main()
