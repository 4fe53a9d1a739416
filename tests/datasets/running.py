"""The loader as it runs: random numbers in workers, transforms, integers."""

from __future__ import annotations

import random
from functools import partial

import albumentations
import numpy
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, get_worker_info, random_split

from tests.datasets import dataset, sound

by_loader = partial(dataset, by="loader_audit")
sound_loader = partial(sound, by="loader_audit")


class Given(Dataset):
    """Rows, and what is done to each in __getitem__."""

    def __init__(self, rows, get, targets=None, **attributes):
        self.rows, self.get = rows, get
        self.targets = torch.arange(len(rows)) % 3 if targets is None else targets
        vars(self).update(attributes)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.get(self, self.rows[index]), self.targets[index]


class Transformed(Dataset):
    """Rows and a transform, as torchvision's datasets have them."""

    def __init__(self, rows, transform, targets=None):
        self.rows, self.transform = rows, transform
        self.targets = torch.arange(len(rows)) % 3 if targets is None else targets

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.transform(self.rows[index]), self.targets[index]


class Compose:
    def __init__(self, *transforms):
        self.transforms = list(transforms)

    def __call__(self, value):
        for transform in self.transforms:
            value = transform(value)
        return value


def photos(count=24, side=16):
    """Smooth images of bytes, (N, H, W, 3)."""
    coarse = torch.rand(count, 3, 5, 5)
    fine = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    return (fine.permute(0, 2, 3, 1) * 255).round().byte().numpy()


def to_tensor(image):
    return torch.from_numpy(numpy.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


def table(count=48, columns=12):
    return torch.randn(count, columns)


def waves(count=24, length=200):
    time = torch.linspace(0, 1, length)
    return torch.stack([torch.sin(6.28 * (k % 7 + 1) * time) for k in range(count)])


def trained(data, **options):
    return {"data": DataLoader(data, 8, shuffle=True, **options), "speed": False}


# -- ND109: workers repeat --------------------------------------------------------------------------------------------


@by_loader("ND109", where="num_workers=2")
def table_noise_of_a_generator_of_its_own(sick):
    def noisy(self, row):
        return row + (torch.from_numpy(self.rng.normal(size=12)).float() if sick else torch.randn(12))

    return trained(Given(table(), noisy, rng=numpy.random.default_rng(0)), num_workers=2)


@by_loader("ND109", where="num_workers=2")
def image_crops_drawn_by_random_random(sick):
    def crop(self, image):
        top, left = (self.dice.randrange(8) if sick else random.randrange(8) for _ in range(2))
        return to_tensor(image[top : top + 8, left : left + 8])

    return trained(Given(photos(), crop, dice=random.Random(0)), num_workers=2)


@by_loader("ND109", where="num_workers=3")
def waves_shifted_after_a_fixed_seed_in_worker_init_fn(sick):
    def seeded(worker):
        numpy.random.seed(1234)

    def shift(self, wave):
        return torch.roll(wave, int(numpy.random.randint(200)))

    return trained(Given(waves(), shift), num_workers=3, worker_init_fn=seeded if sick else None)


@by_loader("ND109", where="num_workers=2")
def epochs_seeded_alike_by_worker_number(sick):
    def seeded(worker):
        torch.manual_seed(worker if sick else torch.initial_seed() + worker)

    return trained(Given(table(), lambda self, row: row + torch.randn(12)), num_workers=2, worker_init_fn=seeded)


class Stream(IterableDataset):
    def __init__(self, rows, shard):
        self.rows, self.shard = rows, shard

    def __iter__(self):
        info = get_worker_info()
        start, step = (info.id, info.num_workers) if info is not None and self.shard else (0, 1)
        return iter(self.rows[start::step])


@by_loader("ND109", where="Stream")
def a_stream_that_every_worker_reads_whole(sick):
    return {"data": DataLoader(Stream(table(64), shard=not sick), 8, num_workers=2)}


@by_loader("ND109", where="num_workers=2")
def albumentations_copied_into_the_workers(sick):
    """Albumentations 2.0.8 draws from a generator that its Compose made, and forked workers have copies of it."""
    augment = albumentations.Compose([albumentations.RandomBrightnessContrast(p=1)])

    def seeded(worker):
        get_worker_info().dataset.augment.set_random_seed(torch.initial_seed() % 2**32)

    get = lambda self, image: to_tensor(self.augment(image=image)["image"])  # noqa: E731
    return trained(Given(photos(), get, augment=augment), num_workers=2, worker_init_fn=None if sick else seeded)


@sound_loader
def workers_of_a_deterministic_table():
    return trained(Given(table(), lambda self, row: row * 2), num_workers=2)


@sound_loader
def augmentation_seeded_by_the_sample():
    def noisy(self, row):
        return row + torch.randn(12, generator=torch.Generator().manual_seed(int(row[0].abs() * 1e6)))

    return trained(Given(table(), noisy), num_workers=2)


@sound_loader
def persistent_workers_seeded_by_their_number():
    def seeded(worker):
        numpy.random.seed(worker)

    get = lambda self, row: row + float(numpy.random.random())  # noqa: E731
    return trained(Given(table(), get), num_workers=2, worker_init_fn=seeded, persistent_workers=True)


@sound_loader
def rare_augmentation_with_a_generator_given_to_the_loader():
    get = lambda self, wave: wave.flip(0) if torch.rand(()) < 0.3 else wave  # noqa: E731
    return trained(Given(waves(), get), num_workers=2, generator=torch.Generator().manual_seed(3))


@sound_loader
def a_cache_that_is_filled_once():
    def cached(self, row):
        return self.cache.setdefault(float(row[0]), row + torch.randn(12))

    return trained(Given(table(), cached, cache={}), num_workers=2)


# -- ND110: what transforms do ------------------------------------------------------------------------------------------


@by_loader("ND110", where="transform[1]")
def images_brightened_until_nothing_is_left(sick):
    """Clamped to 0..1 after they were brought to 0..255."""
    brighter = lambda x: ((x * 255 if sick else x) * 1.2 + 0.1).clamp(0, 1)  # noqa: E731
    return trained(Transformed(photos(), Compose(to_tensor, brighter)))


@by_loader("ND110", where="transform")
def images_viewed_as_channels_first(sick):
    def transform(image):
        tensor = torch.from_numpy(image).float() / 255
        return tensor.reshape(3, 16, 16) if sick else tensor.permute(2, 0, 1)

    return trained(Transformed(photos(), transform))


@by_loader("ND110", where="__getitem__")
def series_reshaped_to_channels_first(sick):
    get = lambda self, row: row.reshape(4, 50) if sick else row.T  # noqa: E731
    return trained(Given(waves(24, 200).reshape(24, 50, 4) + torch.randn(24, 50, 4), get))


@by_loader("ND101", where="normalise")
def table_divided_by_its_own_zero(sick):
    def normalise(row):
        return (row - row.mean()) / (row.std() * 0 if sick else row.std())

    return trained(Transformed(table(), Compose(normalise)))


@by_loader("ND110", where="transform")
def waves_replaced_by_a_variable_of_the_notebook(sick):
    kept = torch.randn(200)
    return trained(Transformed(waves() + 0.1 * torch.randn(24, 200), lambda wave: (kept if sick else wave) * 0.5))


@by_loader("ND110", where="val, Transformed.transform[1] flip")
def random_split_shares_the_augmentation(sick):
    def flip(image):
        return image.flip(2) if random.random() < 0.5 else image

    def halves(transform):
        return random_split(Transformed(photos(40), transform), (24, 16), torch.Generator().manual_seed(0))

    train, val = halves(Compose(to_tensor, flip))
    val = val if sick else halves(Compose(to_tensor))[1]
    return {"data": DataLoader(train, 8, shuffle=True), "val": DataLoader(val, 8), "speed": False}


@by_loader("ND110", where="val, Given")
def table_noise_on_validation(sick):
    def noisy(self, row):
        return row + 0.1 * torch.randn(12) if self.train else row

    val = Given(table(24), noisy, train=sick)
    return {**trained(Given(table(), noisy, train=True)), "val": DataLoader(val, 8)}


@by_loader("ND110", where="val, Transformed.transform")
def waves_shifted_on_validation(sick):
    shift = lambda wave: torch.roll(wave, random.randrange(200))  # noqa: E731
    val = Transformed(waves(16) + 0.2 * torch.randn(16, 200), shift if sick else lambda wave: wave)
    return {"data": DataLoader(Transformed(waves(), shift), 8, shuffle=True), "val": DataLoader(val, 8), "speed": False}


class OneBuffer(Dataset):
    """Prepares every sample in the same memory."""

    def __init__(self, rows, copied):
        self.rows, self.copied = rows, copied
        self.buffer = torch.empty_like(rows[0])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        self.buffer.copy_(self.rows[index]).mul_(2)
        return (self.buffer.clone() if self.copied else self.buffer), index % 3


@by_loader("ND110", where="OneBuffer.__getitem__")
def table_rows_in_one_buffer(sick):
    return trained(OneBuffer(table(), copied=not sick))


@by_loader("ND110", where="OneBuffer.__getitem__")
def images_in_one_buffer(sick):
    return trained(OneBuffer(torch.rand(24, 3, 80, 80), copied=not sick))


@by_loader("ND110", where="OneBuffer.__getitem__")
def waves_in_one_buffer(sick):
    return trained(OneBuffer(waves() + 0.1 * torch.randn(24, 200), copied=not sick))


@sound_loader
def samples_in_turn_in_buffers_of_a_ring():
    class Ring(Dataset):
        def __init__(self):
            self.rows, self.ring, self.turn = table(), torch.zeros(16, 12), 0

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            self.turn = (self.turn + 1) % 16
            self.ring[self.turn] = self.rows[index]
            return self.ring[self.turn], index % 3

    return trained(Ring())


def masks(count=24, side=32):
    found = torch.zeros(count, side, side, dtype=torch.uint8)
    for mask in found:
        top, left = (int(n) for n in torch.randint(2, side // 2, (2,)))
        mask[top : top + 10, left : left + 12] = 1
    return found.numpy()


def with_masks(count=24):
    drawn = masks(count)
    return (drawn[..., None] * 120 + torch.randint(0, 100, (count, 32, 32, 3)).numpy()).astype(numpy.uint8), drawn


class Segmented(Dataset):
    def __init__(self, **attributes):
        self.images, self.masks = with_masks()
        vars(self).update(attributes)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.get(self.images[index], self.masks[index])


class Flip:
    def __call__(self, array):
        return array[:, ::-1] if random.random() < 0.5 else array


class Separate(Segmented):
    """Image and mask go through transforms of their own."""

    def get(self, image, mask):
        state = random.random()
        if self.same:
            random.seed(state)
        image = self.transform(image)
        if self.same:
            random.seed(state)
        return to_tensor(image), torch.from_numpy(numpy.ascontiguousarray(self.target_transform(mask))).long()


@by_loader("ND110", where="transform and target_transform")
def image_and_mask_flipped_by_two_coins(sick):
    return trained(Separate(transform=Flip(), target_transform=Flip(), same=not sick))


@by_loader("ND110", where="transform and target_transform")
def image_and_mask_rotated_by_two_angles(sick):
    turn = lambda array: numpy.asarray(Image.fromarray(array).rotate(random.uniform(-120, 120)))  # noqa: E731
    return trained(Separate(transform=turn, target_transform=turn, same=not sick))


class Inline(Segmented):
    """Flips in __getitem__; the mask at a quarter of the size."""

    def get(self, image, mask):
        if random.random() < 0.5:
            image = image[:, ::-1]
            mask = mask if self.forgotten else mask[:, ::-1]
        return to_tensor(image), torch.from_numpy(numpy.ascontiguousarray(mask[::2, ::2])).long()


@by_loader("ND110", where="Inline.__getitem__")
def mask_forgotten_by_the_flip(sick):
    return trained(Inline(forgotten=sick))


class DrawnEachTime(Dataset):
    """A scene is drawn when it is asked for, so that nothing lies there to be marked."""

    def __init__(self, coins, far=1.0):
        self.coins, self.far = coins, far

    def __len__(self):
        return 24

    def __getitem__(self, index):
        scene = numpy.random.default_rng(index)
        top, left = scene.integers(2, 16, 2)
        mask = numpy.zeros((32, 32), numpy.uint8)
        mask[top : top + 10, left : left + 12] = 1
        image = numpy.stack([mask * 0.6 + scene.uniform(0, 0.3, (32, 32))] * 3, -1).astype(numpy.float32) * self.far
        flips = [random.random() < 0.5 for _ in range(2)]
        image = image[:, ::-1] if flips[0] else image
        mask = mask[:, ::-1] if flips[0 if self.coins == 1 else 1] else mask
        return torch.from_numpy(image.copy()).permute(2, 0, 1), torch.from_numpy(mask.copy()).long()


@by_loader("ND110", where="DrawnEachTime")
def scenes_drawn_and_flipped_by_two_coins(sick):
    return trained(DrawnEachTime(2 if sick else 1))


@sound_loader
def scenes_where_one_side_alone_is_labelled():
    """The mask is drawn in the frame of the picture, after it was flipped."""

    class Halves(DrawnEachTime):
        def __getitem__(self, index):
            image, mask = super().__getitem__(index)
            mask[:, :16] = 0
            return image, mask

    return trained(Halves(1))


class Together(Segmented):
    def get(self, image, mask):
        done = self.transform(image=image, mask=mask)
        return {"image": to_tensor(done["image"]), "mask": torch.from_numpy(done["mask"]).long()}


class Boxed(Dataset):
    """Photographs with a box each, as corners."""

    def __init__(self, **attributes):
        self.images = photos(24, 32)
        corner = torch.randint(0, 12, (24, 2))
        self.boxes = torch.cat([corner, corner + torch.randint(6, 12, (24, 2))], 1).float().numpy()
        vars(self).update(attributes)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, box = self.get(self.images[index], self.boxes[index])
        return to_tensor(image), {"boxes": torch.as_tensor(box).float(), "label": index % 3}


class FlippedBoxes(Boxed):
    def get(self, image, box):
        if random.random() < 0.5:
            image = image[:, ::-1]
            box = box if self.forgotten else numpy.array([32 - box[2], box[1], 32 - box[0], box[3]])
        return image, box


@by_loader("ND110", where="FlippedBoxes.__getitem__")
def boxes_forgotten_by_the_flip(sick):
    return trained(FlippedBoxes(forgotten=sick))


class ComposedBoxes(Boxed):
    def get(self, image, box):
        if self.transform.processors:
            done = self.transform(image=image, bboxes=[box.tolist()], label=[0])
            return done["image"], done["bboxes"][0]
        return self.transform(image=image)["image"], box


@by_loader("ND110", where="transform")
def boxes_that_albumentations_is_not_told_of(sick):
    told = None if sick else albumentations.BboxParams("pascal_voc", label_fields=["label"])
    steps = [albumentations.HorizontalFlip(), albumentations.VerticalFlip(), albumentations.RandomBrightnessContrast()]
    return trained(ComposedBoxes(transform=albumentations.Compose(steps, bbox_params=told, seed=0)))


@sound_loader
def boxes_in_a_list_of_samples():
    """Nothing can be painted into it: what is bright in these images is no rectangle of ours."""
    lamp = torch.zeros(24, 3, 32, 32)
    lamp[:, :, 2:9, 20:30] = 1
    return trained([(image, {"boxes": torch.tensor([2.0, 15.0, 9.0, 30.0])}) for image in lamp])


@sound_loader
def boxes_as_centre_and_size_are_flipped_too():
    class Centred(FlippedBoxes):
        def __getitem__(self, index):
            image, target = super().__getitem__(index)
            left, top, right, bottom = target["boxes"] / 32
            return image, torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])

    return trained(Centred(forgotten=False))


@sound_loader
def image_and_mask_through_one_compose():
    steps = [
        albumentations.HorizontalFlip(), albumentations.RandomResizedCrop((24, 24)), albumentations.ColorJitter(),
        albumentations.GaussNoise(p=1), albumentations.CoarseDropout(), albumentations.Rotate(),
    ]  # fmt: skip
    return trained(Together(transform=albumentations.Compose(steps)))


@sound_loader
def colour_on_the_image_only():
    def dim(image):
        noise = numpy.random.normal(0, 20, image.shape)
        return numpy.clip(image * random.uniform(0.3, 1.2) + noise, 0, 255).astype(numpy.uint8)

    return trained(Separate(transform=dim, target_transform=lambda mask: mask, same=False))


@by_loader("ND111", where="brightened")
def some_images_brightened_in_bytes(sick):
    def brightened(image):
        if random.random() < 0.5:
            lifted = image.astype(numpy.int16) + random.randint(40, 90)
            image = image + numpy.uint8(lifted.max() - image.max()) if sick else numpy.clip(lifted, 0, 255).astype(numpy.uint8)
        return to_tensor(image)

    return trained(Transformed(photos(), brightened))


@sound_loader
def one_class_of_the_mask():
    return trained(Separate(transform=Flip(), target_transform=lambda mask: Flip()((mask == 3).astype(numpy.uint8)), same=True))


@sound_loader
def images_made_black_and_white_on_purpose():
    return trained(Transformed(photos(), Compose(to_tensor, lambda x: (x > 0.5).float())))


@sound_loader
def a_window_that_clips_a_scan():
    window = lambda x: ((x + 500) / 800).clamp(0, 1)  # noqa: E731
    return trained(Transformed(torch.randn(24, 1, 32, 32) * 700 - 600, window))


@sound_loader
def random_windows_of_tokens_on_validation():
    def window(self, document):
        start = random.randrange(100)
        return document[start : start + 32]

    texts = torch.randint(0, 50, (24, 200))
    return {"data": DataLoader(Given(texts, window), 8, shuffle=True), "val": DataLoader(Given(texts.flip(0), window), 8), "speed": False}


@sound_loader
def a_denoiser_is_validated_on_fresh_noise():
    class Noisy(Dataset):
        def __init__(self):
            self.images = torch.rand(24, 1, 8, 8)

        def __len__(self):
            return 24

        def __getitem__(self, index):
            return self.images[index] + 0.1 * torch.randn(1, 8, 8), self.images[index]

    return {"data": DataLoader(Noisy(), 8, shuffle=True), "val": DataLoader(Noisy(), 8), "speed": False}


@sound_loader
def simulated_samples_are_new_each_time():
    class Simulated(Dataset):
        def __len__(self):
            return 64

        def __getitem__(self, index):
            return torch.randn(12) + index % 2, index % 2

    return {"data": DataLoader(Simulated(), 8, shuffle=True), "val": DataLoader(Simulated(), 8), "speed": False}


@sound_loader
def two_views_of_each_image():
    def views(self, image):
        return to_tensor(image) + 0.1 * torch.randn(3, 16, 16), to_tensor(image).flip(2) + 0.1 * torch.randn(3, 16, 16)

    pairs = Given(photos(), views)
    pairs.transform = None
    return {"data": DataLoader(pairs, 8, shuffle=True), "val": DataLoader(pairs, 8), "speed": False}


@sound_loader
def a_tokenizer_that_gives_an_attention_mask():
    class Tokenized(Dataset):
        def __init__(self):
            self.texts = torch.randint(1, 50, (24, 16))
            self.transform = lambda row: {"attention_mask": torch.ones(16).long(), "input_ids": row}

        def __len__(self):
            return len(self.texts)

        def __getitem__(self, index):
            return {**self.transform(self.texts[index]), "labels": index % 2}

    return trained(Tokenized())


@sound_loader
def a_subset_validated_without_augmentation():
    plain = Transformed(photos(40), to_tensor)
    augmented = Transformed(plain.rows, Compose(to_tensor, lambda x: x.flip(2) if random.random() < 0.5 else x))
    return {**trained(Subset(augmented, range(24))), "val": DataLoader(Subset(plain, range(24, 40)), 8)}


# -- ND111: integers ------------------------------------------------------------------------------------------------------


@by_loader("ND111", where="running.py")
def brightness_in_bytes(sick):
    def brighter(image):
        return to_tensor(image * 2 if sick else numpy.clip(image.astype(numpy.float32) * 2, 0, 255))

    return trained(Transformed(photos(), brighter))


@by_loader("ND111", where="running.py")
def gain_of_audio_in_int16(sick):
    def louder(self, wave):
        wave = wave if sick else wave.astype(numpy.float32)
        return torch.from_numpy(numpy.asarray(wave * 3)).float() / 32768

    return trained(Given((waves().numpy() * 20_000).astype(numpy.int16), louder))


@by_loader("ND111", where="running.py")
def difference_of_int8_columns(sick):
    def difference(self, row):
        row = row if sick else row.astype(numpy.int32)
        return torch.from_numpy(numpy.concatenate([row, [row[0:1] - row[1:2]][0]])).float() / 128

    return trained(Given(torch.randint(-128, 128, (48, 12)).numpy().astype(numpy.int8), difference))


@by_loader("ND111", where="running.py")
def mean_taken_from_bytes_in_torch(sick):
    def centred(self, image):
        image = image if sick else image.float()
        return (image - 128).float() / 128

    return trained(Given(torch.from_numpy(photos()).permute(0, 3, 1, 2), centred))


@by_loader("ND111", where="running.py")
def contrast_cast_back_without_a_clip(sick):
    def contrast(self, image):
        stretched = image * 1.7
        return to_tensor((stretched if sick else numpy.clip(stretched, 0, 255)).astype(numpy.uint8))

    return trained(Given(photos(), contrast))


class Windows(Dataset):
    """Windows of one long recording."""

    def __init__(self, get):
        self.recording, self.get = (torch.randn(4000).clamp(-3, 3) * 8000).numpy().astype(numpy.int16), get

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return self.get(self.recording[100 * index : 100 * index + 100]), index % 2


@by_loader("ND111", where="running.py")
def gain_of_windows_of_one_recording(sick):
    return trained(Windows(lambda window: torch.from_numpy((window if sick else window.astype(numpy.float32)) * 4).float() / 32768))


@by_loader("ND111", where="running.py")
def brightness_of_images_of_the_notebook(sick):
    images = photos(60)

    class First(Dataset):
        def __len__(self):
            return 30

        def __getitem__(self, index):
            image = images[index]
            return to_tensor(image + numpy.uint8(100) if sick else numpy.minimum(image, 155) + numpy.uint8(100)), index % 2

    return trained(First())


@sound_loader
def bytes_looked_up_in_a_table():
    curve = numpy.linspace(0, 255, 256).astype(numpy.uint8)
    return trained(Given(photos(), lambda self, image: to_tensor(curve[image])))


@sound_loader
def inverted_bytes():
    return trained(Transformed(photos(), lambda image: to_tensor(255 - image)))


@sound_loader
def a_checksum_modulo():
    def fingerprinted(self, row):
        code = (row * 31 + 7) % 251
        return torch.from_numpy(numpy.concatenate([row, code])).float() / 256

    return trained(Given(torch.randint(0, 256, (48, 12)).numpy().astype(numpy.uint8), fingerprinted))


@sound_loader
def an_absolute_difference_of_bytes():
    """Both differences are computed, and the one that wrapped is not taken."""
    other = photos(1)[0]
    return trained(Transformed(photos(), lambda image: to_tensor(numpy.where(image > other, image - other, other - image))))


@sound_loader
def bits_unpacked_from_bytes():
    def unpacked(self, row):
        return torch.from_numpy(((row[:, None] >> numpy.arange(8, dtype=numpy.uint8)) & 1).astype(numpy.float32))

    return trained(Given(torch.randint(0, 256, (48, 12)).numpy().astype(numpy.uint8), unpacked))


@sound_loader
def bytes_summed_into_a_wide_integer():
    return trained(Given(photos(), lambda self, image: to_tensor(image) - float(image.sum() / image.size / 255)))


@sound_loader
def ignored_pixels_marked_by_minus_one():
    def get(self, image):
        return to_tensor(image)

    targets = torch.from_numpy((masks(24, 16).astype(numpy.int16) - 1).astype(numpy.uint8)).long()
    return trained(Given(photos(), get, targets=targets))


# -- loaders of which little can be asked ----------------------------------------------------------------------------------


@sound_loader
def a_list_of_batches():
    return {"data": [(table(8), torch.arange(8) % 3) for _ in range(4)]}


@sound_loader
def samples_without_batches():
    return {"data": DataLoader(Given(table(), lambda self, row: row), batch_size=None)}


@by_loader("ND312", where="dataset index 17")
def one_file_is_corrupt(sick):
    rows = table()

    def read(self, row):
        if sick and bool((row == rows[17]).all()):
            raise OSError("cannot identify image file 'cat_17.jpg'")
        return row

    return {"data": DataLoader(Given(rows, read), 8)}


@by_loader("ND312", where="worker 0")
def a_handle_that_lives_in_one_process(sick):
    def read(self, row):
        if sick and get_worker_info() is not None:
            raise RuntimeError("database is locked")
        return row

    return {"data": DataLoader(Given(table(), read), 8, num_workers=2)}


@by_loader("ND312", where="collate_fn")
def a_collate_function_that_raises(sick):
    def padded(samples):
        if sick:
            raise ValueError("all sequences are empty")
        return torch.stack([row for row, _ in samples])

    return {"data": DataLoader(Given(table(), lambda self, row: row), 8, collate_fn=padded)}
