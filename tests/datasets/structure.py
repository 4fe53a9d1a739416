"""Samples of another make, boxes that cannot be, and what only looks so."""

from __future__ import annotations

import copy

import numpy
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from nbdebug.data.sources.coco import Coco
from tests.datasets import dataset, sound

EDGES = numpy.linspace(0, 1, 24)


def scenes(count: int = 96, side: int = 24, channels: int = 3) -> list[numpy.ndarray]:
    """Smooth coloured pictures (channels, side, side) in 0..1, all different."""
    rng = numpy.random.default_rng(3)
    grid = numpy.linspace(0, 3, side)
    waves = rng.uniform(0.5, 2.0, (count, channels, 2))
    shift = rng.uniform(0, 6, (count, channels, 1, 1))
    field = waves[:, :, :1, None] * grid[:, None] + waves[:, :, 1:, None] * grid + shift  # (n, C, H, W)
    return list((0.5 + 0.45 * numpy.sin(field)).astype(numpy.float32))


def listed(images, labels=None, batch: int = 16) -> DataLoader:
    """Batches of a list of images, as they are, and their labels."""
    labels = [i % 3 for i in range(len(images))] if labels is None else labels

    def together(samples):
        return [image for image, _ in samples], torch.tensor([label for _, label in samples])

    return DataLoader(list(zip(images, labels, strict=True)), batch, shuffle=True, collate_fn=together)


# -- ND117: images --------------------------------------------------------------------------------------------------


@dataset("ND117", where="dataset index")
def some_images_lie_channels_last(sick):
    images = scenes()
    for index in (5, 40, 71):
        images[index] = images[index].transpose(1, 2, 0) if sick else images[index]
    return {"data": listed(images)}


@dataset("ND117", where="dataset index")
def grey_images_among_colour(sick):
    images = scenes()
    for index in (3, 50):
        images[index] = images[index].mean(0, keepdims=True) if sick else images[index]
    return {"data": listed(images)}


@dataset("ND117", where="dataset index")
def a_few_images_never_scaled(sick):
    images = numpy.stack(scenes())
    images[[7, 30, 66]] *= 255 if sick else 1
    return {"data": DataLoader(TensorDataset(torch.tensor(images), torch.arange(96) % 3), 16, shuffle=True)}


@dataset("ND117", where="dataset index")
def a_few_images_scaled_already(sick):
    """All others in 0..255 as floats."""
    images = numpy.stack(scenes(side=32)) * 255
    images[10:14] /= 255 if sick else 1
    return {"data": DataLoader(TensorDataset(torch.tensor(images), torch.arange(96) % 3), 16, shuffle=True)}


@dataset("ND117", where="dataset index")
def black_images_of_every_class(sick):
    images = numpy.stack(scenes())
    if sick:
        images[::12] = 0
    return {"data": DataLoader(TensorDataset(torch.tensor(images), torch.arange(96) % 5), 16, shuffle=True)}


@dataset("ND117", where="dataset index")
def entries_that_are_no_images(sick):
    images = scenes()
    for index in (9, 44):
        images[index] = None if sick else images[index]
    return {"data": listed(images)}


def dicts(images, labelled) -> DataLoader:
    """Dicts of an image and, where it has one, its weight."""
    samples = [{"image": torch.tensor(image), "label": i % 3} | ({"weight": 0.5 + i / 100} if labelled(i) else {}) for i, image in enumerate(images)]

    def together(batch):
        keys = set.intersection(*(set(sample) for sample in batch))
        return {key: torch.stack([torch.as_tensor(sample[key]) for sample in batch]) for key in sorted(keys)}

    return DataLoader(samples, 8, collate_fn=together)


@dataset("ND117", where="weight")
def batches_without_a_part(sick):
    return {"data": dicts(scenes(), lambda index: index != 50 or not sick)}


# -- ND117: sequences, texts, recordings ----------------------------------------------------------------------------


def sentences(count: int = 200) -> list[str]:
    words = "der Käse schmeckt über alle Maßen gut und die Bäckerin lächelt für eine schöne Stunde wenn es regnet oder schneit".split()
    rng = numpy.random.default_rng(5)
    return [" ".join(rng.choice(words, 9).tolist()) + f" {i}." for i in range(count)]


def spoken(texts, labels=None) -> DataLoader:
    labels = [i % 2 for i in range(len(texts))] if labels is None else labels
    return DataLoader([{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)], 20, shuffle=True)


@dataset("ND117", where="text")
def texts_read_in_the_wrong_encoding(sick):
    return {"data": spoken([text.encode().decode("cp1252", "replace") if sick and i % 4 == 0 else text for i, text in enumerate(sentences())])}


@dataset("ND117", where="text")
def letters_replaced(sick):
    return {"data": spoken([text.encode("latin-1").decode("utf-8", "replace") if sick and i % 5 == 0 else text for i, text in enumerate(sentences())])}


@dataset("ND117", where="text")
def empty_texts_of_every_class(sick):
    texts = sentences()
    return {"data": spoken([" " if sick and i % 25 == 3 else text for i, text in enumerate(texts)])}


def tunes(count: int = 60, length: int = 2400) -> numpy.ndarray:
    """(count, length) of tones in noise, about 0.3 loud."""
    rng = numpy.random.default_rng(7)
    time = numpy.arange(length) / 8000
    pitch = rng.uniform(100, 900, (count, 1))
    swell = 0.4 + 0.6 * numpy.sin(numpy.pi * numpy.linspace(0, 1, length)) ** 2
    return (0.3 * swell * numpy.sin(2 * numpy.pi * pitch * time) + 0.02 * rng.normal(size=(count, length))).astype(numpy.float32)


def heard(waves: numpy.ndarray, labels=None) -> DataLoader:
    labels = torch.arange(len(waves)) % 3 if labels is None else labels
    return DataLoader(TensorDataset(torch.tensor(waves), labels), 12, shuffle=True)


@dataset("ND117", where="dataset index")
def recordings_cut_off_at_their_peaks(sick):
    waves = tunes()
    waves[::6] = (waves[::6] * (9 if sick else 1)).clip(-1, 1)
    return {"data": heard(waves), "kind": "audio"}


@dataset("ND117", where="dataset index")
def silent_recordings(sick):
    waves = tunes()
    waves[2::10] *= 0 if sick else 1
    return {"data": heard(waves), "kind": "audio"}


# -- sound ----------------------------------------------------------------------------------------------------------


@sound
def a_blank_class():
    """Black pictures that all carry the one label that means nothing is there."""
    images = numpy.stack(scenes())
    labels = torch.arange(96) % 3
    images[labels == 2] = 0
    return {"data": DataLoader(TensorDataset(torch.tensor(images), labels), 16, shuffle=True)}


@sound
def sparse_masks_without_labels():
    """Most patches of a mask hold nothing."""
    masks = torch.zeros(120, 1, 16, 16)
    for index in range(0, 120, 3):
        masks[index, 0, index % 12 : index % 12 + 4, index % 10 : index % 10 + 4 + index % 5] = 1
    return {"data": DataLoader(masks, 20, shuffle=True)}


@sound
def night_pictures():
    """Bytes, most of them near 0, beside a few by day."""
    images = numpy.stack(scenes(side=20))
    images[8:] = images[8:] * 0.02
    return {"data": DataLoader(TensorDataset(torch.tensor((images * 255).astype(numpy.uint8)), torch.arange(96) % 3), 16, shuffle=True)}


@sound
def dark_floats_in_0_to_255():
    """Unscaled floats, of which a few are nearly black."""
    images = (numpy.stack(scenes()) * 255).round()
    images[4:7] = (images[4:7] > 240).astype(numpy.float32)
    return {"data": DataLoader(TensorDataset(torch.tensor(images), torch.arange(96) % 3), 16, shuffle=True)}


@sound
def spectrograms_of_many_sizes():
    """Powers that span three orders of magnitude: some stay below 1, some reach hundreds."""
    rng = numpy.random.default_rng(2)
    loud = 10 ** rng.uniform(-0.5, 2.3, (150, 1, 1, 1))
    power = (loud * numpy.stack(scenes(150, channels=1)) ** 4).astype(numpy.float32)
    return {"data": DataLoader(TensorDataset(torch.tensor(power), torch.arange(150) % 3), 16, shuffle=True)}


@sound
def photographs_of_every_size():
    """What differs is their size only."""
    rng = numpy.random.default_rng(8)
    images = [numpy.ascontiguousarray(image[:, : rng.integers(16, 25), : rng.integers(16, 25)]) for image in scenes()]
    return {"data": listed(images)}


@sound
def digits_as_pictures():
    """Of 8 x 8 pixels, 1 channel, 0..16."""
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images.reshape(-1, 1, 8, 8), dtype=torch.float32) / 16
    return {"data": DataLoader(TensorDataset(images[:600], torch.tensor(labels[:600])), 32, shuffle=True)}


@sound
def pictures_three_pixels_wide():
    """Which of the threes is the channels cannot be told."""
    patches = torch.tensor(numpy.stack(scenes(64, 3)))
    return {"data": DataLoader(TensorDataset(patches, torch.arange(64) % 2), 16, shuffle=True)}


@sound
def french_and_portuguese():
    """Letters that wrong encodings leave behind, in their right place."""
    texts = [f"Ângela não foi à praia com o senhor João, são {i} horas: ‘pâte à crêpes’, mâle, SÃO PAULO" for i in range(120)]
    return {"data": spoken(texts)}


@sound
def a_loader_that_takes_turns():
    """Batches with a weight and batches without, one after the other."""
    return {"data": dicts(scenes(), lambda index: index // 8 % 2 == 0)}


@sound
def one_empty_text():
    return {"data": spoken([text if i != 60 else "" for i, text in enumerate(sentences())])}


@sound
def square_waves():
    """Stand at their extremes by nature."""
    waves = numpy.sign(tunes() - 0.001).astype(numpy.float32)
    return {"data": heard(waves), "kind": "audio"}


@sound
def pauses_of_one_class():
    waves = tunes()
    waves[::3] = 0
    return {"data": heard(waves), "kind": "audio"}


@sound
def days_without_sales():
    """Windows in which nothing happens, and what is sold the day after."""
    rng = numpy.random.default_rng(4)
    sold = rng.poisson(0.02, (300, 24, 2)).astype(numpy.float32)
    return {"data": DataLoader(TensorDataset(torch.tensor(sold), torch.tensor(rng.normal(size=300), dtype=torch.float32)), 32, shuffle=True)}


@sound
def tiles_without_cells():
    """Empty tiles of a microscope, nearly all of which count 0 cells."""
    rng = numpy.random.default_rng(6)
    images, counts = numpy.stack(scenes(120, 16)), rng.integers(1, 9, 120).astype(numpy.float32)
    images[::4], counts[::4] = 0, rng.normal(0, 0.1, 30)
    return {"data": DataLoader(TensorDataset(torch.tensor(images), torch.tensor(counts)), 16, shuffle=True)}


@sound
def bands_of_many_sizes():
    """13 channels, some of them wider than the picture."""
    rng = numpy.random.default_rng(9)
    images = [numpy.concatenate([scene] * 5)[:13, : rng.integers(6, 25), : rng.integers(6, 25)] for scene in scenes()]
    return {"data": listed(images)}


@sound
def captions_of_coco():
    made = annotated()
    del made["categories"]
    made["annotations"] = [{"id": a["id"], "image_id": a["image_id"], "caption": "a thing"} for a in made["annotations"]]
    return {"data": Coco(made).loader()}


@sound
def counts_with_many_zeros():
    """Whole numbers in a table: no sequence, and its zeros are no padding."""
    counts = torch.tensor(numpy.random.default_rng(1).poisson(0.7, (300, 9)))
    return {"data": DataLoader(TensorDataset(counts, (counts.sum(1) > 6).long()), 32, shuffle=True)}


# -- ND118 ------------------------------------------------------------------------------------------------------------


def annotated(images: int = 40, crowded: int = 5) -> dict:
    """A COCO file with x, y, width, height, all inside; ids with holes, as COCO's own."""
    rng = numpy.random.default_rng(11)
    made = {
        "images": [{"id": 100 + i, "width": 320, "height": 240, "file_name": f"{i:05d}.jpg"} for i in range(images)],
        "categories": [{"id": number, "name": f"thing {number}"} for number in (1, 2, 5, 7)],
        "annotations": [],
    }
    for index in range(images * crowded):
        width, height = rng.uniform(20, 140, 2).round(1)
        box = [round(v, 1) for v in (rng.uniform(0, 320 - width), rng.uniform(0, 240 - height), float(width), float(height))]
        made["annotations"].append({
            "id": index + 1, "image_id": 100 + index % images, "category_id": (1, 2, 5, 7)[index % 4], "bbox": box, "area": float(width * height), "iscrowd": 0,
        })  # fmt: skip
    return made


def as_corners(box: list[float]) -> list[float]:
    return [box[0], box[1], box[0] + box[2], box[1] + box[3]]


@dataset("ND118", where="dataset index")
def coco_boxes_written_as_corners(sick):
    made = annotated()
    for annotation in made["annotations"]:
        annotation["bbox"] = as_corners(annotation["bbox"]) if sick else annotation["bbox"]
    return {"data": Coco(made).loader()}


@dataset("ND118", where="dataset index 7")
def coco_boxes_without_area(sick):
    made = annotated()
    for annotation in made["annotations"][7::40]:
        annotation["bbox"][2] = 0.0 if sick else annotation["bbox"][2]
    return {"data": Coco(made).loader()}


@dataset("ND118", where="dataset index")
def coco_boxes_of_larger_images(sick):
    """Some of the images were made smaller, their boxes were not."""
    made = annotated()
    for image in made["images"][::8] if sick else ():
        image["width"], image["height"] = 160, 120
    return {"data": Coco(made).loader()}


@dataset("ND118", where="boxes")
def annotations_of_images_that_are_not_there(sick):
    made = annotated()
    if sick:
        del made["images"][5:9]
    return {"data": Coco(made).loader()}


def detected(boxes: list[numpy.ndarray], side: int = 48) -> DataLoader:
    """Images with their boxes, as torchvision's detectors take them."""
    images = scenes(len(boxes), side)
    samples = [
        (torch.tensor(image), {"boxes": torch.tensor(found, dtype=torch.float32).reshape(-1, 4), "labels": torch.arange(len(found)) % 3 + 1})
        for image, found in zip(images, boxes, strict=True)
    ]
    return DataLoader(samples, 8, shuffle=True, collate_fn=lambda batch: tuple(zip(*batch, strict=True)))


def corners(count: int = 60, side: int = 48) -> list[numpy.ndarray]:
    rng = numpy.random.default_rng(13)
    found = []
    for index in range(count):
        upper = rng.uniform(0, side - 20, (1 + index % 4, 2))
        found.append(numpy.concatenate([upper, upper + rng.uniform(4, 20, upper.shape)], 1))
    return found


@dataset("ND118", where="boxes")
def boxes_with_swapped_corners(sick):
    boxes = corners()
    for found in boxes[::7] if sick else ():
        found[0] = found[0][[2, 3, 0, 1]]
    return {"data": detected(boxes)}


@dataset("ND118", where="boxes")
def boxes_of_the_images_before_they_were_made_smaller(sick):
    boxes = corners()
    for index in range(0, 60, 5) if sick else ():
        boxes[index] = boxes[index] * 2.5 + 10
    return {"data": detected(boxes)}


@dataset("ND118", where="boxes")
def some_boxes_as_shares_of_the_image(sick):
    boxes = corners()
    for index in range(0, 60, 6) if sick else ():
        boxes[index] = boxes[index] / 48
    return {"data": detected(boxes)}


@dataset("ND118", where="bbox, dataset index")
def one_box_a_picture_that_leaves_it(sick):
    """A box as the target of a regression."""
    boxes = numpy.concatenate([found[:1] for found in corners(96)])
    boxes[::9, 2:] += 60 if sick else 0
    samples = [{"image": torch.tensor(image), "bbox": torch.tensor(box)} for image, box in zip(scenes(96, 48), boxes, strict=True)]
    return {"data": DataLoader(samples, 16, shuffle=True), "target": "bbox"}


@sound
def coco_as_it_should_be():
    """Images without a box, a crowd, holes in the category numbers, boxes half a pixel outside."""
    made = annotated()
    made["annotations"] = [a for a in made["annotations"] if a["image_id"] not in (103, 117)]
    made["annotations"][4]["iscrowd"] = 1
    made["annotations"][9]["bbox"] = [200.0, 100.0, 120.5, 60.0]
    made["annotations"][12]["bbox"] = [-0.4, 10.0, 50.0, 60.0]
    made["categories"].append({"id": 90, "name": "never seen"})
    return {"data": Coco(made).loader()}


@sound
def coco_with_polygons_only():
    made = annotated()
    for annotation in made["annotations"][::3]:
        del annotation["bbox"]
        annotation["segmentation"] = [[0, 0, 10, 0, 10, 10]]
    return {"data": Coco(made).loader()}


@sound
def centres_in_shares_of_the_image():
    """As DETR takes them."""
    boxes = [numpy.concatenate([(found[:, :2] + found[:, 2:]) / 2, found[:, 2:] - found[:, :2]], 1) / 48 for found in corners()]
    return {"data": detected(boxes)}


@sound
def widths_and_heights_in_a_loader():
    boxes = [numpy.concatenate([found[:, :2], found[:, 2:] - found[:, :2]], 1) for found in corners()]
    return {"data": detected(boxes)}


@sound
def pictures_without_a_box():
    boxes = [found if index % 3 else found[:0] for index, found in enumerate(corners())]
    return {"data": detected(boxes)}


@sound
def boxes_filled_up_to_eight():
    """Rows of zeros behind the boxes of a picture, so that all have as many."""
    samples = []
    for image, found in zip(scenes(60, 48), copy.deepcopy(corners()), strict=True):
        padded = numpy.zeros((8, 4), numpy.float32)
        padded[: len(found)] = found
        samples.append((torch.tensor(image), {"boxes": torch.tensor(padded)}))
    return {"data": DataLoader(samples, 8, shuffle=True)}


@sound
def two_things_in_one_box():
    """A person and the coat that she wears."""
    made = annotated()
    for first, second in zip(made["annotations"][::20], made["annotations"][10::20], strict=False):
        second["bbox"], second["image_id"] = list(first["bbox"]), first["image_id"]
        second["category_id"] = 1 if first["category_id"] != 1 else 2
    return {"data": Coco(made).loader()}


# -- sequences that are all padding because nothing came before -------------------------------------------------------


@dataset("ND117", where="dataset index")
def sequences_without_a_token_of_every_class(sick):
    rng = numpy.random.default_rng(2)
    ids = numpy.zeros((200, 20), numpy.int64)
    for row, tokens in enumerate(ids):
        length = 0 if sick and row % 15 == 7 else rng.integers(6, 20)
        tokens[:length] = rng.integers(1, 50, length)
    return {"data": DataLoader(TensorDataset(torch.tensor(ids), torch.arange(200) % 2), 20, shuffle=True)}


@sound
def contexts_of_the_next_letter():
    """Windows of three letters; 0 starts and ends a word."""
    rng = numpy.random.default_rng(0)
    contexts, following = [], []
    for length in rng.integers(3, 8, 200):
        context = [0, 0, 0]
        for letter in [*rng.integers(1, 12, length).tolist(), 0]:
            contexts.append(context)
            following.append(letter)
            context = [*context[1:], letter]
    return {"data": DataLoader(TensorDataset(torch.tensor(contexts), torch.tensor(following)), 32, shuffle=True)}


def histories(left: bool) -> DataLoader:
    """What customers bought before, 0 to 5 things, and what they bought next."""
    rng = numpy.random.default_rng(0)
    bought = numpy.zeros((300, 5), numpy.int64)
    for row, things in enumerate(bought):
        length = row % 6
        things[5 - length if left else 0 : 5 if left else length] = rng.integers(1, 50, length)
    return DataLoader(TensorDataset(torch.tensor(bought), torch.tensor(rng.integers(0, 50, 300))), 32, shuffle=True)


@sound
def new_customers():
    return {"data": histories(left=True)}


@sound
def new_customers_filled_from_the_right():
    return {"data": histories(left=False)}
