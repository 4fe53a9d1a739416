"""Pages that have everything a renderer must cope with: every panel, every severity, hostile names, odd numbers."""

from __future__ import annotations

import math

from nbdebug.findings import ERROR, INFO, WARNING, Finding, Location
from nbdebug.page import (
    Answer,
    Checklist,
    Curve,
    Gallery,
    Heatmap,
    Histogram,
    Note,
    Page,
    Picture,
    Row,
    Section,
    Table,
    Trace,
    Verdict,
    Words,
)
from nbdebug.render import png

SCRIPT = "<script>alert(1)</script>"
HOSTILE = f"{SCRIPT} \"double\" 'single' & 🦊 $x$"
NAN, INF = math.nan, math.inf

CANNOT_OVERFIT = Finding(
    "ND701", "cannot overfit", ERROR, "after 200 steps on 10 samples the loss is 1.47, and 0.05 was to be expected",
    "look for a cause among the findings above", evidence={"loss": 1.47, "steps": 200},
)  # fmt: skip
DOUBLE_SOFTMAX = Finding(
    "ND401", "softmax before a loss that applies its own", ERROR,
    "each row that reaches `cross_entropy` already sums to 1.000 ± 2.4e-07, so the loss cannot fall below 1.461; "
    "raw logits would sum to anything",
    "return the logits from forward() and keep softmax for prediction",
    Location(module="head.4", operator="torch.nn.functional.softmax", cell=7, line=12),
    {"row sum": 1.0, "largest deviation": 2.4e-07, "loss floor": 1.4612, "classes": 10, "applied twice": True},
    (CANNOT_OVERFIT,),
)  # fmt: skip
STALE_HEAD = Finding(
    "ND601", "parameter not optimised", ERROR,
    "it gets a gradient of RMS 0.0312 and no optimizer owns it, so it stays at its initial value",
    "build the optimizer after the head is replaced",
    Location(parameter="head.weight", file="src/experiments/classification/finetune.py", line=218),
    {"gradient": 0.0312, "elements": 1_280_000, "change in one step": 0.0},
)  # fmt: skip
FEATURE_SCALE = Finding(
    "ND102", "inputs unscaled", WARNING,
    "column 13 has a standard deviation of 3,150 beside 0.012 in column 4, where both enter one linear layer",
    "standardise: (x - x_train.mean(0)) / x_train.std(0)",
    Location(detail="column 13 'proline'"),
    {"largest std": 3150.0, "smallest std": 0.012, "gap": None},
)  # fmt: skip
IMBALANCE = Finding(
    "ND107", f"class {HOSTILE}", WARNING, f"class {HOSTILE!r} has 3 of 1,797 samples, others have 180",
    f"pass weight= to the loss, or sample {SCRIPT} more often", Location(detail=f"class {HOSTILE}"),
    {HOSTILE: NAN, "share": 0.00167, "limit": INF},
)  # fmt: skip
CONSTANT_COLUMN = Finding(
    "ND114", "constant columns", INFO, "3 of 64 columns never change over 1,797 samples",
    "drop them, if that is not meant", Location(detail="columns 0, 32, 39"),
)  # fmt: skip

SOUND = tuple(
    Verdict(code, title, "sound")
    for code, title in [
        ("ND101", "finite input"), ("ND103", "labels inside the classes of the head"), ("ND108", "order shuffled"),
        ("ND201", "symmetric initialisation"), ("ND203", "unregistered parameter"), ("ND206", "unused parameter"),
        ("ND301", "batch mixing"), ("ND304", "softmax over the wrong dimension"), ("ND305", "output range"),
        ("ND306", "training and evaluation differ"), ("ND308", "finite activations"), ("ND312", "the step runs"),
        ("ND403", "loss broadcast"), ("ND404", "loss fits the task"), ("ND406", "initial loss"),
        ("ND501", "gradient absent"), ("ND503", "exploding gradients"),
    ]
)  # fmt: skip
UNCHECKED = (
    Verdict("ND105", "split overlap", "not checked", "because no val_loader was given"),
    Verdict("ND106", "preparation mismatch", "not checked", "because no val_loader was given"),
    Verdict("ND307", f"dead units of {HOSTILE}", "not checked", f"the time budget ran out before {SCRIPT}"),
)
FOUND = tuple(Verdict(code, code, "found") for code in ("ND401", "ND601", "ND102", "ND107", "ND114", "ND701"))

STEPS = tuple(range(0, 200))
LOSSES = Curve(
    "Loss while memorising",
    {
        "1 sample": tuple(2.3 * math.exp(-step / 25) + 0.01 for step in STEPS),
        "10 samples": tuple(1.46 + 0.84 * math.exp(-step / 40) + 0.05 * math.sin(step) for step in STEPS),
        "expected": tuple(2.3 * math.exp(-step / 60) for step in STEPS),
    },
    x_label="step", y_label="loss", caption="A sound model brings both to nearly 0 within 200 steps.",
)  # fmt: skip
BROKEN_CURVE = Curve(
    "Gradient norm until it breaks",
    {"gradient norm": tuple(10.0 ** (s / 12 - 4) for s in range(80)) + (INF, NAN, NAN, -INF, 3.0, NAN)},
    y_label="norm", log_y=True,
)  # fmt: skip
LR_CURVE = Curve(
    "Loss by learning rate",
    {"loss": tuple(2.3 - 1.5 * math.exp(-((i - 60) ** 2) / 400) + (0.02 * (i - 80) ** 2 if i > 80 else 0) for i in range(100))},
    x=tuple(10 ** (-7 + i * 0.08) for i in range(100)), x_label="learning rate", y_label="loss",
)  # fmt: skip
ODD_CURVES = (
    Curve("One point", {"train": (0.5,), "val": (0.7,)}),
    Curve("Constant", {"train": (3.0,) * 20}),
    Curve("Nothing finite", {"train": (NAN, NAN, INF)}),
    Curve("No points", {"train": ()}),
    Curve("No series", {}),
    Curve("Huge and small", {"huge": (1e300, -1e300, 1.7e308, -1.7e308), "tiny": (1e-300, 0.0, 5e-324, 0.0)}),
    Curve("Not positive on a log axis", {"loss": (0.0, -1.0, 0.0)}, log_y=True),
)


def bell(bins: int, centre: float, spread: float, total: int) -> tuple[int, ...]:
    """Counts of a bell over `bins` bins."""
    heights = [math.exp(-(((i + 0.5) / bins - centre) ** 2) / (2 * spread**2)) for i in range(bins)]
    return tuple(round(total * height / sum(heights)) for height in heights)


EDGES = tuple(-4 + 8 * i / 40 for i in range(41))
ONE_HISTOGRAM = Histogram("Inputs", EDGES, {"inputs": bell(40, 0.5, 0.12, 115_008)}, x_label="value")
TWO_HISTOGRAMS = Histogram(
    "Training against validation", EDGES,
    {"train": bell(40, 0.5, 0.12, 115_008), "validation": bell(40, 0.62, 0.16, 90_000)}, x_label="value",
)  # fmt: skip
LOG_EDGES = tuple(10 ** (-8 + 0.25 * i) for i in range(41))
ODD_HISTOGRAMS = (
    Histogram("All empty", (0.0, 1.0, 2.0), {"nothing": (0, 0)}),
    Histogram("No bins", (), {}),
    Histogram("One bin", (0.0, 1.0), {"all": (7,)}),
    Histogram("Log axis from zero", (0.0, 0.1, 1.0), {"a": (1, 2)}, log_x=True),
)


def layer(i: int) -> str:
    return f"encoder.layers.{i}.self_attn.out_proj.weight"


def layers_heatmap(count: int, *, title: str = "Activation magnitude by layer") -> Heatmap:
    """Counts by magnitude bin, drifting downwards with depth; one layer is not finite."""
    columns = tuple(f"1e{power}" for power in range(-12, 4))
    values = [tuple(float(n) for n in bell(16, 0.75 - 0.5 * i / count, 0.09, 50_000)) for i in range(count)]
    if count > 3:
        values[3] = (NAN,) * 15 + (INF,)
    return Heatmap(
        title, tuple(map(layer, range(count))), columns, tuple(values), "magnitude", "layer", "activations"
    )


def layers_table(count: int) -> Table:
    rows = tuple(
        (layer(i), "(512, 512)", 262_144, 0.02 * 0.9**i, 1e-3 * 0.7**i, i % 2 == 0, None if i == 2 else 1e-3)
        for i in range(count)
    )
    columns = ("parameter", "shape", "elements", "RMS", "gradient", "optimised", "learning rate")
    return Table(
        "Parameters", columns, rows, caption="Gradient of the training loss after one backward pass."
    )


CORRELATION = Heatmap(
    "Correlation of columns", ("alcohol", "ash", HOSTILE), ("alcohol", "ash", HOSTILE),
    ((1.0, -0.4, 0.2), (-0.4, 1.0, NAN), (0.2, NAN, 1.0)), caption="Signed values.",
)  # fmt: skip
ODD_HEATMAPS = (
    Heatmap("No cells", (), (), ()),
    Heatmap("All zero", ("a",), ("b", "c"), ((0.0, 0.0),)),
    Heatmap("All nan", ("a",), ("b",), ((NAN,),)),
    Heatmap("Infinite", ("a", "b"), ("c",), ((INF,), (-INF,))),
)


def picture(label: str, seed: int, channels: int = 1) -> Picture:
    """Eight by eight pixels of a slanted stroke."""
    brightness = (max(0.0, 1 - abs(x - (seed * 3 + y) % 8 + c) / 2.5) for y in range(8) for x in range(8) for c in range(channels))
    return Picture(label, png.encode(bytes(round(255 * v) for v in brightness), 8, 8, channels), 8, 8)


QUESTIONS = Checklist(
    "Can it learn?",
    (
        Answer("are the data loaded?", "sound", "8 checks sound"),
        Answer(f"is {HOSTILE} the loss?", "error", f"ND401 {HOSTILE}", (DOUBLE_SOFTMAX,), (LOSSES, ONE_HISTOGRAM)),
        Answer("is the device used?", "warning", "cuda stands idle", evidence=(layers_table(2),)),
        Answer("are the seeds fixed?", "info", "torch was never seeded here"),
        Answer("is it deterministic?", "not checked", "the budget was used up"),
        Answer("what nobody foresaw", "purple", ""),
    ),
)  # fmt: skip
SAMPLES = Gallery(
    "Most confident mistakes",
    (*(picture(f"{i} taken for {(i * 7) % 10}", i) for i in range(7)), picture("colour", 2, 3), picture(HOSTILE, 5)),
    caption="True class first.",
)  # fmt: skip
WORDS_AND_CURVES = Gallery(
    "Samples that are no pictures",
    (
        Words("dataset index 3", f"the film was {HOSTILE} and long", note="label 1"), Words("tokens", "12 7 99", after="0 0 0"),
        Words("long", "word " * 500), Row("row 7", {"age": 31, "income": 12_500.5, HOSTILE: HOSTILE, "owns": True, "debt": None}),
        Trace("audio", {"left": tuple(math.sin(i / 5) for i in range(400)), "right": (0.0, NAN, INF, 1.0)}),
    ),
)  # fmt: skip
ODD_GALLERIES = (
    Gallery("No pictures", ()),
    Gallery("Nothing in them", (Picture("empty", "", 0, 0), Trace("no points", {}), Words("", ""), Row("", {}), Trace("nan", {"": (NAN,)}))),
)
BATCH = Table(
    "A batch",
    ("member", "shape", "dtype", "mean", "std", "finite"),
    (
        ("inputs", "(32, 64)", "float32", 0.0012, 0.998, True),
        ("targets", "(32,)", "int64", 4.4688, 2.8723, True),
        (HOSTILE, "()", "float16", NAN, INF, False),
    ),
)
PASTE = Note(
    "How to reproduce",
    "setup = nbdebug.TrainingSetup(model=model, loss_fn=nn.CrossEntropyLoss(), optimizer=optimizer, "
    f"train_loader=train_loader)\nreport = nbdebug.checkup(setup)  # {SCRIPT}\nif report.findings:\n    print(report)",
    kind="code",
)
REMARK = Note("What was measured", f"One guarded step on a batch of 32.\nThe labels contain {HOSTILE}.")

RICH = Page(
    title="Checkup",
    subtitle="DigitsNet · 12,345 parameters · Adam · cpu · 32-true",
    findings=(DOUBLE_SOFTMAX, STALE_HEAD, FEATURE_SCALE, IMBALANCE, CONSTANT_COLUMN),
    verdicts=FOUND + SOUND + UNCHECKED,
    sections=(
        Section("overfit", "optimisation", (LOSSES, BROKEN_CURVE, LR_CURVE), 3.21),
        Section(
            "a first look at the data",
            "data",
            (BATCH, ONE_HISTOGRAM, TWO_HISTOGRAMS, SAMPLES, WORDS_AND_CURVES, CORRELATION),
            0.8,
        ),
        Section("first step", "code", (REMARK, PASTE), 0.35),
        Section("gradients", "numbers", (layers_heatmap(12), layers_heatmap(50), layers_table(50)), 1.2),
    ),
    footer=(
        "8.4 s",
        "your session was left as it was: 214 tensors, 3 random generators and 12 hooks have the same digest",
    ),
)
CALM = Page(
    "Checkup", "DigitsNet · 12,345 parameters · Adam · cpu · 32-true", (),
    SOUND + tuple(Verdict(f"ND9{i:02}", "your own check", "sound") for i in range(4)),
    (Section("overfit", "optimisation", (LOSSES,), 3.2),), ("8.4 s", "your session was left as it was"),
)  # fmt: skip
ASKED = Page("Levels", "DigitsNet", (DOUBLE_SOFTMAX,), SOUND, (Section("levels", "", (QUESTIONS,), 0.2),), ("8.4 s",))
EMPTY = Page("Nothing yet", "", (), (), (), ("0.1 s",))
UNJUDGED = Page("Gradients", "Net", (), UNCHECKED, ())
CHANGED = Page(
    "Checkup",
    "Net",
    (),
    SOUND,
    (),
    ("0.4 s", "`net.1.running_mean` is not what it was", "restart the kernel"),
    False,
)
ODD = Page(
    HOSTILE, HOSTILE, (), (),
    (
        Section(HOSTILE, HOSTILE, (*ODD_CURVES, *ODD_HISTOGRAMS, *ODD_HEATMAPS, *ODD_GALLERIES), 0.0),
        Section("empty", "own", (Table("No rows", ("a",), ()), Note("", ""), Checklist("No questions", ())), 0.0),
    ),
    (HOSTILE, "\x1b[31mred\x00 \ud800"),
)  # fmt: skip


def deep_page(layers: int) -> Page:
    """What a checkup of a model with this many layers shows: several panels of one row a layer."""
    histograms = Histogram(
        "Activations by layer", LOG_EDGES,
        {layer(i): bell(40, 0.7 - 0.4 * i / layers, 0.1, 50_000) for i in range(layers)}, "magnitude", True,
    )  # fmt: skip
    maps = tuple(
        layers_heatmap(layers, title=f"{name} by layer") for name in ("Activations", "Gradients", "Updates")
    )
    absent = tuple(
        Finding("ND501", "gradient absent", ERROR, "the backward pass never reached it", "is it used in forward()?",
                Location(parameter=layer(i)), {"elements": 262_144})
        for i in range(layers)
    )  # fmt: skip
    sections = (
        Section("parameters", "code", (layers_table(layers), layers_table(layers))),
        Section("activations", "numbers", (*maps, histograms)),
        Section("overfit", "optimisation", (LOSSES, BROKEN_CURVE, LR_CURVE)),
    )
    return Page(
        "Checkup",
        f"{layers} layers",
        (DOUBLE_SOFTMAX, *absent),
        FOUND + SOUND + UNCHECKED,
        sections,
        ("60 s",),
    )


ALL = {"rich": RICH, "calm": CALM, "asked": ASKED, "empty": EMPTY, "unjudged": UNJUDGED, "changed": CHANGED, "odd": ODD}
