"""Egg sizes and cracks from belt-camera thumbnails with a miniature ViT.

code: ND102
also:
object: pixel_values | to_tensor | Thumbnails | image
seen: both
"""
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

GRADES = ["small", "large", "cracked"]


def thumbnail(k, r):
    y, x = np.mgrid[:16, :16] - 7.5 + r.normal(0, .3, (2, 1, 1))
    size = r.normal(4.0, .2) if k == 0 else r.normal(6.2, .2) if k == 1 else r.uniform(4, 6.2)
    egg = (y / 1.15) ** 2 + x ** 2 < size ** 2
    image = np.where(egg[..., None], (225, 190, 150), (60, 62, 66)) + r.normal(0, 6, (16, 16, 3))
    if k == 2:
        line = egg & (abs(y - r.normal(0, .6) * x - r.normal()) < .9)
        image[line] = (70, 50, 40)
    return image.clip(0, 255).astype(np.uint8)


def to_tensor(image):
    chw = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(chw)  # fault
    # fixed: return torch.from_numpy(chw).div(127.5).sub(1.0)


class Thumbnails(Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        self.grade = r.integers(0, 3, n)
        self.images = [thumbnail(k, r) for k in self.grade]

    def __len__(self):
        return len(self.grade)

    def __getitem__(self, i):
        return {"pixel_values": to_tensor(self.images[i]), "labels": int(self.grade[i])}  # here


torch.manual_seed(0)
train_loader = DataLoader(Thumbnails(600, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Thumbnails(96, 1), batch_size=48)
model = ViTForImageClassification(ViTConfig(
    image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, num_labels=3,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)


def train():
    for epoch in range(7):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"]).float().mean().item() for b in val_loader])
    print("val", acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
