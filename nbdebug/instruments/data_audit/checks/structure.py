"""Are the samples of one make, the annotations possible, the tokens in the table, and is padding left out of the loss?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nbdebug.data.structure.mirrored import Mirrored
from nbdebug.data.structure.odd import Odd
from nbdebug.data.structure.padding import ScoredPadding
from nbdebug.data.structure.relaid import Recut
from nbdebug.data.structure.tables import LARGE_TABLE, Table
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location, Severity
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook

ACCIDENT, ACCIDENT_SHARE = 3, 0.001  # samples without content and their share, up to which they are worth no alarm; our choice
EMPTIED = 0.9  # of the samples without content, from which it is what prepares them; our choice
SPOILT, SPOILT_SHARE = 3, 0.01  # texts or recordings that were damaged; our choice
TWICE_SHARE = 0.01  # of the boxes are there twice; COCO's own files have some
ONE_TOKEN = 0.9  # of all tokens are the same one, in a table with room for a hundred; our choice
NAMED = 24  # samples that the evidence names

ADVICE = {
    "layout": "bring all images into one layout, e.g. image.permute(2, 0, 1) for those that lie (H, W, C)",
    "channels": "convert every image alike when it is read: Image.open(path).convert(\"RGB\")",
    "range": "scale every image alike: / 255, or ToTensor(), which scales bytes only",
    "constant": "look at these samples: were they written, decoded, cropped or masked wrongly?",
    "files": "delete these files or fetch them anew: a loader that decodes them raises",
    "batches": "let the dataset return the same parts, of the same types, for every sample",
    "no image": "let the dataset leave out what could not be read",
    "empty": "drop what is empty, or give it a token of its own",
    "context": "fine where it means that nothing came before, as at the start of a text or for a new customer",
    "replaced": "read the texts in the encoding they were written in",
    "misread": "read the file with encoding=\"utf-8\"",
    "silent": "look at these recordings: were they cut, decoded or resampled wrongly?",
    "clipped": "lower the gain before the samples are cut off, or scale floats to -1..1 before they become integers",
    "offset": "subtract the mean of each recording",
    "reading": "convert the boxes, or name the right format: (x, y, w, h) is (x1, y1, x2 - x1, y2 - y1)",
    "normalised": "multiply by the width and height of the image, or divide all of them",
    "no area": "drop these boxes, or look for swapped corners",
    "outside": "clip the boxes to the image; were the images resized or cropped and the boxes not?",
    "duplicate boxes": "drop what is there twice",
    "not finite": "drop these boxes",
    "annotations": "mend the file, or leave these entries out",
}  # fmt: skip


@data_audit.check("ND117", "sample structure", severity=WARNING, advice="look at these samples")
def sample_structure(look: DataLook) -> Iterator[Seen]:
    """Samples that are not what the others are: another layout or range, empty, silent, broken.

    Wrong: what is laid out or scaled otherwise is noise to the model, and what holds nothing cannot be told apart although
        it carries a target.
    Seen: images of another layout or number of channels, some in 0..255 beside some that are scaled with nothing in
        between, files that cannot be decoded, texts read in the wrong encoding, clipped recordings. Black images and empty
        sequences warn only where several of them carry different targets. A convolution that gets images as they lie,
        channels last, takes their rows for channels.
    Where: the dataset index of the first ones, the loader and the field; for a convolution its module and line.
    Try: prepare every sample alike when it is read; permute(0, 3, 1, 2) before a convolution.
    Bad:
        rows = torch.linspace(0, 6, 12)
        images = (rows[:, None] + rows + targets[:, None, None]).sin()[..., None].repeat(1, 1, 1, 3)
        images = images + 0.1 * torch.randn(len(targets), 12, 12, 3)
        model = nn.Sequential(nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10))
        train_loader = DataLoader(TensorDataset(images, targets), batch_size=32, shuffle=True)
    Good:
        rows = torch.linspace(0, 6, 12)
        images = (rows[:, None] + rows + targets[:, None, None]).sin()[..., None].repeat(1, 1, 1, 3)
        images = (images + 0.1 * torch.randn(len(targets), 12, 12, 3)).permute(0, 3, 1, 2)
        model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2304, 10))
        train_loader = DataLoader(TensorDataset(images, targets), batch_size=32, shuffle=True)
    Source: torch documentation, nn.Conv2d: input (N, C, H, W); thresholds our choice.
    """
    made = look.answer("structure")
    for one in made.odd:
        if not _is_emptied(one):
            yield _odd(one, _severity(one))
    for turned in made.rows_as_channels:
        height, width, channels = turned.shape[1:]
        yield Seen(
            f"the convolution takes the {height} rows of each image for channels: {turned.field} lie (N, H, W, C) = {turned.shape}",
            replace(turned.location, detail=f"{look.train.name} {turned.field}"), {"rows": height, "width": width, "channels": channels},
            advice="permute(0, 3, 1, 2) the images, and give the convolution as many input channels as they have",
        )  # fmt: skip


@data_audit.check("ND110", "transform wrong", severity=ERROR, advice="print what goes in and out of each step that prepares them: one of them leaves nothing")
def emptied(look: DataLook) -> Iterator[Seen]:
    """Nearly all samples hold one value throughout, or tell no more of the target, which the stored rows tell; or images turn without their targets. The page is that of the loader."""
    made = look.answer("structure")
    empty = [one for one in made.odd if _is_emptied(one)]
    for one in empty:
        yield _odd(one, ERROR)
    if made.mirrored is not None:
        yield _left_behind(made.mirrored)
    for cut in made.relaid:
        channels, height, width = cut.shape
        message = (
            f"{cut.field} lie as {cut.shape}, but their numbers are in the order of ({height}, {width}, {channels}): neighbouring pixels differ {cut.rough:.0%} as much as any two, "
            f"and {cut.back:.0%} when they are read in that order; a reshape or view cut them anew where the axes were to be exchanged"
        )
        evidence = {"rough": cut.rough, "back": cut.back, "split": cut.split}
        yield Seen(message, Location(detail=f"{cut.split} {cut.field}"), evidence, severity=WARNING, advice="permute(0, 3, 1, 2), or numpy.moveaxis, exchanges axes; reshape and view only cut the numbers anew")
    if made.recut is not None and not made.relaid:
        yield _recut(made.recut)
    for lost in made.lost if not empty else ():
        message = (
            f"what the dataset holds tells the target, and what comes out of it does not: a small rule that was made of half of {lost.samples} samples is right "
            f"about {lost.stored:.0%} of the others from the stored rows, and about {lost.given:.0%} from {lost.field} ({lost.chance:.0%} by chance)"
        )
        evidence = {"stored": lost.stored, "given": lost.given, "chance": lost.chance, "compared": lost.samples, "split": lost.split}
        yield Seen(message, Location(detail=f"{lost.split} {lost.field}"), evidence, severity=WARNING, advice="leave out one step after the other, and see with which the target can be told again")


def _recut(cut: Recut) -> Seen:
    message = (
        f"{cut.field} lie as {cut.shape}, but their numbers stand in the very order of `{cut.held}`, where they are {cut.was}: "
        "a reshape or view cut them anew where the axes were to be exchanged"
    )
    advice = "permute(0, 3, 1, 2), or numpy.moveaxis, exchanges axes; reshape and view only cut the numbers anew"
    return Seen(message, Location(detail=f"{cut.split} {cut.field}, reshape of {cut.held}"), {"split": cut.split, "held": cut.held}, severity=WARNING, advice=advice)


def _left_behind(seen: Mirrored) -> Seen:
    message = (
        f"{seen.field} come out mirrored {seen.axis} in some readings of a sample, with the same target; but {seen.target} turns with them: "
        f"what is learnt from the images of validation tells it ({seen.told:.2f}), and tells the opposite of them mirrored ({seen.turned:.2f})"
    )
    evidence = {"told": seen.told, "turned": seen.turned, "samples": ",".join(map(str, seen.samples)), "split": seen.split}
    advice = "turn the target where the image is turned: change the sign of what points along that axis, exchange left and right"
    return Seen(message, Location(detail=f"{seen.split} {seen.field}"), evidence, severity=WARNING, advice=advice)


def _is_emptied(one: Odd) -> bool:
    """Whether it is no accident of some samples: nearly all of them, whatever their target, hold nothing."""
    share = 1.0 if one.labels is None else EMPTIED
    return one.kind in ("constant", "silent") and one.alone and one.labels != 1 and one.count >= max(ACCIDENT, share * one.of)


def _odd(one: Odd, severity: Severity) -> Seen:
    evidence: dict[str, float | int | str | bool | None] = {"count": one.count, "of": one.of, "kind": one.kind, "split": one.split}
    if one.ids:
        evidence["samples"] = ",".join(map(str, one.ids[:NAMED]))
    detail = " ".join(part for part in (f"{one.split} {one.field},", one.place) if part).rstrip(",")
    return Seen(one.what, Location(detail=detail), evidence, severity=severity, advice=ADVICE.get(one.kind))


def _severity(one: Odd) -> Severity:
    if one.kind == "files":
        return ERROR
    if one.kind in ("layout", "channels", "range", "no image", "batches"):
        return WARNING
    if one.kind in ("constant", "empty", "silent"):
        contradicts = one.labels is not None and one.labels > 1 and one.count >= ACCIDENT and one.count >= ACCIDENT_SHARE * one.of
        return WARNING if one.alone and (contradicts or one.count == one.of) else INFO
    if one.kind in ("replaced", "misread", "clipped"):
        return WARNING if one.count >= SPOILT and one.count >= SPOILT_SHARE * one.of else INFO
    return INFO


@data_audit.check("ND118", "annotation wrong", severity=WARNING, advice="look at these annotations")
def annotation_wrong(look: DataLook) -> Iterator[Seen]:
    """Boxes that leave their image, have no area, or are written in another way than is read.

    Wrong: a box of another format, or of the image before it was resized, teaches the detector to look elsewhere, and one
        without area makes its loss infinite or raises.
    Seen: each box is held against the size of its image. The way of writing is found by trying: where many boxes leave
        their image as they are to be read, and all fit when read in another way, that other one is meant. Annotations of
        images or categories that do not exist, and boxes that are there twice, are counted. Images without boxes,
        crowds and gaps in the category numbers are sound.
    Where: the loader, the field, and the dataset index of the first images.
    Try: convert (x1, y1, x2, y2) to (x, y, w, h) or back, and resize boxes with their images.
    Bad:
        corner = torch.rand(256, 2) * 20
        box = torch.cat([corner, corner + 4 + torch.rand(256, 2) * 30], 1)
        box[::16, 2:] = corner[::16]
        pixels = torch.rand(256, 3, 64, 64)
        class Boxes(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Conv2d(3, 8, 3, stride=4), nn.Linear(2048, 4)
            def forward(self, images):
                return self.head(self.body(images).relu().flatten(1))
        model = Boxes()
        samples = [{"images": image, "labels": {"boxes": b}} for image, b in zip(pixels, box)]
        train_loader = DataLoader(samples, batch_size=32, shuffle=True)
        loss_fn = lambda made, labels: F.smooth_l1_loss(made, labels["boxes"] / 64)
    Good:
        corner = torch.rand(256, 2) * 20
        box = torch.cat([corner, corner + 4 + torch.rand(256, 2) * 30], 1)
        pixels = torch.rand(256, 3, 64, 64)
        class Boxes(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Conv2d(3, 8, 3, stride=4), nn.Linear(2048, 4)
            def forward(self, images):
                return self.head(self.body(images).relu().flatten(1))
        model = Boxes()
        samples = [{"images": image, "labels": {"boxes": b}} for image, b in zip(pixels, box)]
        train_loader = DataLoader(samples, batch_size=32, shuffle=True)
        loss_fn = lambda made, labels: F.smooth_l1_loss(made, labels["boxes"] / 64)
    Source: cocodataset.org, data format: bbox is [x, y, width, height] in pixels; thresholds our choice.
    """
    made = look.answer("structure")
    for one in made.odd_boxes:
        rare = one.kind == "duplicate boxes" and (one.count < ACCIDENT or one.count < TWICE_SHARE * one.of)
        yield _odd(one, INFO if rare or one.kind == "annotations that say less" else WARNING)


@data_audit.check("ND119", "vocabulary range", severity=ERROR, advice="build the table with num_embeddings = highest token + 1")
def vocabulary_range(look: DataLook) -> Iterator[Seen]:
    """Tokens that have no row in the embedding, or a padding that the embedding does not know.

    Wrong: a token beyond the table raises (on a GPU it ends the CUDA context), be it only in the batch that holds it. Padding
        that is not `padding_idx` is learnt as if it were a word.
    Seen: the lowest and highest token of every sample read, beside the rows of the embedding that gets the field as it is.
        Another padding than `padding_idx` is warned of where the outputs depend on what the table gives for it: behind a
        mask they do not. A table of a hundred rows and more whose tokens are nearly all the same one is warned of, too.
    Where: the embedding and its line, the dataset index of the first samples.
    Try: the tokenizer's own len(tokenizer) as the size of the table, and its pad_token_id as padding_idx.
    Bad:
        ids = torch.randint(0, 50, (256, 12))
        ids[:, 0] = targets
        ids[200, 5] = 57
        class Bag(nn.Module):
            def __init__(self):
                super().__init__()
                self.table, self.head = nn.Embedding(50, 16), nn.Linear(12 * 16, 10)
            def forward(self, ids):
                return self.head(self.table(ids).flatten(1))
        model = Bag()
        train_loader = DataLoader(TensorDataset(ids, targets), batch_size=32)
    Good:
        ids = torch.randint(0, 50, (256, 12))
        ids[:, 0] = targets
        ids[200, 5] = 57
        class Bag(nn.Module):
            def __init__(self):
                super().__init__()
                self.table, self.head = nn.Embedding(58, 16), nn.Linear(12 * 16, 10)
            def forward(self, ids):
                return self.head(self.table(ids).flatten(1))
        model = Bag()
        train_loader = DataLoader(TensorDataset(ids, targets), batch_size=32)
    Source: torch documentation, nn.Embedding.
    """
    made = look.answer("structure")
    if not made.modelled:
        raise NotChecked("there is no model, and so no embedding to hold the tokens against")
    if not made.tables and made.step_error:
        raise NotChecked(f"the loss of the first batch could not be computed: {made.step_error}")
    for table in made.tables:
        if table.outside:
            yield _outside(table)
        if table.padding_enters:
            yield _unknown_padding(table)
        if table.rows >= LARGE_TABLE and table.common_share >= ONE_TOKEN:
            yield _one_token(table)


def _outside(table: Table) -> Seen:
    message = f"{table.field} run {table.lowest}..{table.highest}, but the embedding has {table.rows:,} rows (0..{table.rows - 1})"
    evidence: dict[str, float | int | str | bool | None] = {"lowest": table.lowest, "highest": table.highest, "rows": table.rows, "split": table.split}
    if table.beyond:
        evidence["samples"] = ",".join(map(str, table.beyond[:NAMED]))
    advice = "is a marker such as -1 or -100 among the inputs? masks belong into the targets" if table.lowest < 0 else None
    return Seen(message, _at(table, table.place), evidence, advice=advice)


def _unknown_padding(table: Table) -> Seen:
    message = (
        f"{table.field} are padded with {table.padding}, but the embedding was told padding_idx={table.padding_idx}: the outputs "
        "depend on the padding, and its row is learnt as if it were a word"
    )
    evidence = {"padding": table.padding, "padding_idx": table.padding_idx}
    return Seen(message, _at(table), evidence, severity=WARNING, advice=f"padding_idx={table.padding}, and mask the padding in what follows")


def _one_token(table: Table) -> Seen:
    message = f"{table.common_share:.0%} of the tokens of {table.field} are {table.common}, in a vocabulary of {table.rows:,}: are they all unknown to the tokenizer?"
    evidence = {"token": table.common, "share": table.common_share, "rows": table.rows}
    return Seen(message, _at(table), evidence, severity=WARNING, advice="decode a sample: does the tokenizer belong to the vocabulary?")


def _at(table: Table, place: str = "") -> Location:
    detail = f"{table.split} {table.field}" + (f", {place}" if place else "")
    return replace(table.location, detail=detail)


@data_audit.check("ND113", "padding scored", severity=WARNING)
def padding_scored(look: DataLook) -> Iterator[Seen]:
    """Padding takes part in the loss.

    Wrong: the model learns to predict padding, which is easy and fills the mean: the loss looks good, and short sequences
        count as much as long ones.
    Seen: where the padding of the inputs (or a mask, or lengths, or a whole number that counts the places that are filled) falls together with one
        constant value in the targets, or a mask of such targets is made in the step and not used, the loss is asked: would it fall if the model predicted that value there? With ignore_index, a mask or weights of
        0 that slope is 0. Sequences without padding, and a last token that is a word, are left alone.
    Where: the loss call, the field and the value of the padding.
    Try: nn.CrossEntropyLoss(ignore_index=pad), targets of -100 there, or (loss * mask).sum() / mask.sum().
    Bad:
        ids = torch.randint(1, 20, (256, 12))
        ids[torch.arange(12) >= torch.randint(4, 13, (256, 1))] = 0
        model = nn.Sequential(nn.Embedding(20, 32), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 20))
        loss_fn = lambda logits, labels: F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        train_loader = DataLoader(TensorDataset(ids, ids), batch_size=32, shuffle=True)
    Good:
        ids = torch.randint(1, 20, (256, 12))
        ids[torch.arange(12) >= torch.randint(4, 13, (256, 1))] = 0
        model = nn.Sequential(nn.Embedding(20, 32), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 20))
        loss_fn = lambda logits, labels: F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=0)
        train_loader = DataLoader(TensorDataset(ids, ids), batch_size=32, shuffle=True)
    Source: torch documentation, nn.CrossEntropyLoss, ignore_index.
    """
    made = look.answer("structure")
    if not made.modelled:
        raise NotChecked("there is no loss without a model")
    if step_error := look.step_error or made.step_error:
        raise NotChecked(f"the loss of the first batch could not be computed: {step_error}")
    for padding in made.padding:
        if padding.scored:
            yield _scored(look, padding)


def _scored(look: DataLook, padding: ScoredPadding) -> Seen:
    message = (
        f"{padding.positions:,} of {padding.of:,} targets of the first batch are padding ({padding.value:g}, by {padding.told_by}), and the loss "
        f"rewards predicting it: {padding.share:.0%} of its slope comes from there"
    )
    evidence = {"padding": padding.value, "positions": padding.positions, "of": padding.of, "share": padding.share}
    location = replace(padding.location, detail=f"{look.train.name} {padding.field}, padding {padding.value:g}")
    whole = padding.value == int(padding.value) and padding.location.operator.endswith(("cross_entropy", "nll_loss"))
    advice = "weight the loss by the mask: (loss * mask).sum() / mask.sum()"
    if whole:
        advice = "set the targets of the padding to -100, which cross_entropy leaves out" if padding.elsewhere else f"pass ignore_index={padding.value:g}"
    return Seen(message, location, evidence, severity=None if padding.sure else INFO, advice=advice)
