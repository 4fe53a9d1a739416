"""Lane markings on synthetic road pictures with a two-stage Segformer and random crops.

code: ND110
also: ND104
object: RandomCrop | crop | labels | train_loader | RoadScenes
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import SegformerConfig, SegformerForSemanticSegmentation

FULL, CROP = 44, 32


def road(g):
    rows = torch.arange(FULL)[:, None]
    cols = torch.arange(FULL)[None]
    mask = torch.zeros(FULL, FULL, dtype=torch.long)
    for _ in range(2):
        x0 = torch.randint(6, FULL - 6, (), generator=g)
        slope = torch.rand((), generator=g) - 0.5
        mask[(cols - x0 - slope * (rows - FULL / 2)).abs() < 3] = 1
    image = torch.randn(3, FULL, FULL, generator=g) * 0.4 - 0.5
    image[:, mask == 1] += 1.6
    return image, mask


class RandomCrop:
    def __init__(self, size, seed):
        self.size, self.g = size, torch.Generator().manual_seed(seed)

    def place(self):
        return torch.randint(0, FULL - self.size + 1, (2,), generator=self.g).tolist()

    def __call__(self, a, at=None):
        r, c = at or self.place()
        return a[..., r:r + self.size, c:c + self.size]


class RoadScenes(Dataset):
    def __init__(self, n, seed, augment):
        g = torch.Generator().manual_seed(seed)
        self.scenes, self.augment = [road(g) for _ in range(n)], augment
        self.crop = RandomCrop(CROP, seed)

    def __len__(self):
        return len(self.scenes)

    def __getitem__(self, i):
        image, mask = self.scenes[i]
        if self.augment:
            image, mask = self.crop(image), self.crop(mask)  # fault
            # fixed: at = self.crop.place()
            # fixed: image, mask = self.crop(image, at), self.crop(mask, at)
        else:
            image, mask = self.crop(image, (6, 6)), self.crop(mask, (6, 6))
        return {"pixel_values": image, "labels": mask}  # here


torch.manual_seed(0)
model = SegformerForSemanticSegmentation(SegformerConfig(
    num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[16, 32], patch_sizes=[3, 3], strides=[2, 2],
    num_attention_heads=[1, 2], mlp_ratios=[2, 2], decoder_hidden_size=32, num_labels=2, classifier_dropout_prob=0.0))
train_loader = DataLoader(RoadScenes(160, 0, True), batch_size=16, shuffle=True)  # here
val_loader = DataLoader(RoadScenes(48, 1, False), batch_size=24)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def lane_iou():
    model.eval()
    inter = union = 0
    with torch.no_grad():
        for b in val_loader:
            up = torch.nn.functional.interpolate(model(b["pixel_values"]).logits, size=(CROP, CROP), mode="bilinear")
            p, t = up.argmax(1) == 1, b["labels"] == 1
            inter += (p & t).sum().item()
            union += (p | t).sum().item()
    model.train()
    return inter / max(union, 1)


def train():
    model.train()
    for epoch in range(8):
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        print(f"{epoch}: {sum(losses) / len(losses):.3f} lane IoU {lane_iou():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
