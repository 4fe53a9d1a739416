"""Plankton silhouettes with a tiny ViT trained from scratch.

code: ND102
also:
object: pixel_values | scan | PlanktonSet
seen: checkup
"""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(7)


class PlanktonSet(Dataset):
    """Grey 16 by 16 scans, stored as bytes."""

    def __init__(self, n, seed):
        g = np.random.default_rng(seed)
        self.labels = g.integers(0, 3, n)
        self.scans = np.stack([self._scan(k, g) for k in self.labels])

    @staticmethod
    def _scan(kind, g):
        y, x = np.mgrid[0:16, 0:16] - 7.5 + g.uniform(-1.5, 1.5, (2, 1, 1))
        if kind == 0:
            body = np.hypot(x, y) < 4.5
        elif kind == 1:
            body = (np.abs(x) < 1.5) | (np.abs(y) < 1.5)
        else:
            body = np.abs(np.hypot(x, y) - 5) < 1.2
        return np.where(body, 210, 60).astype(float).__add__(g.normal(0, 20, (16, 16))).clip(0, 255).astype(np.uint8)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        scan = torch.from_numpy(self.scans[i]).float()[None]  # fault
        # fixed: scan = (torch.from_numpy(self.scans[i]).float()[None] / 255 - 0.42) / 0.28
        return {"pixel_values": scan, "labels": torch.tensor(int(self.labels[i]))}


config = ViTConfig(image_size=16, patch_size=4, num_channels=1, hidden_size=32, num_hidden_layers=2,
                   num_attention_heads=4, intermediate_size=64, num_labels=3)
model = ViTForImageClassification(config)
loss_fn = None
train_loader = DataLoader(PlanktonSet(384, 0), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(PlanktonSet(96, 1), batch_size=48)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)


def train():
    for _ in range(5):
        model.train()
        history = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            np.mean([(model(**b).logits.argmax(-1) == b["labels"]).float().mean().item() for b in val_loader])
    return float(np.mean(history))


if __name__ == "__main__":
    print(train())
