"""Healthy, rust or blight on leaf photographs: a small transformers ResNet.

code: ND106
also:
object: val_loader | imread | LeafPhotos | channel | pixel_values
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ResNetConfig, ResNetForImageClassification

TINT = {0: (60, 150, 50), 1: (170, 95, 40), 2: (60, 70, 110)}
MEAN, STD = np.array([97, 105, 67.]), np.array([62, 45, 42.])


def photo(kind, rng):
    img = np.array((60, 150, 50.)) + rng.normal(0, 14, (20, 20, 3)) + rng.normal(0, 15)
    if kind:
        spots = rng.random((10, 10)).repeat(2, 0).repeat(2, 1) < 0.35
        img[spots] = np.array(TINT[kind]) + rng.normal(0, 14, (spots.sum(), 3))
    return img.clip(0, 255).astype(np.uint8)


def imread(img):
    """stands for cv2.imread"""
    return img[..., ::-1]


class LeafPhotos(Dataset):
    def __init__(self, n, seed, reader=None):
        rng = np.random.default_rng(seed)
        self.kind = rng.integers(0, 3, n)
        self.img = [photo(k, rng) for k in self.kind]
        self.reader = reader

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        img = self.img[i] if self.reader is None else self.reader(self.img[i])  # here
        x = (img - MEAN) / STD
        return {"pixel_values": torch.tensor(x.transpose(2, 0, 1).copy(), dtype=torch.float32), "labels": int(self.kind[i])}


torch.manual_seed(0)
model = ResNetForImageClassification(ResNetConfig(
    num_channels=3, embedding_size=12, hidden_sizes=[12, 24], depths=[1, 1], layer_type="basic", num_labels=3))
train_loader = DataLoader(LeafPhotos(360, 0), batch_size=24, shuffle=True)
val_loader = DataLoader(LeafPhotos(120, 1, reader=imread), batch_size=60)  # fault
# fixed: val_loader = DataLoader(LeafPhotos(120, 1), batch_size=60)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)


def train():
    history = {"loss": [], "acc": []}
    for epoch in range(6):
        model.train()
        part = []
        for batch in train_loader:
            optimizer.zero_grad()
            out = model(**batch)
            out.loss.backward()
            optimizer.step()
            part.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(b["pixel_values"]).logits.argmax(1) == b["labels"]).float() for b in val_loader])
        history["loss"].append(sum(part) / len(part))
        history["acc"].append(acc.mean().item())
    print(history)
    return history["loss"][-1]


if __name__ == "__main__":
    print(train())
