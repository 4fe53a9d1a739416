"""Land-use classes of satellite tiles with a small vision transformer whose head is exchanged.

code: ND601
also:
object: classifier | classifier.weight | classifier.bias | optimizer
seen: checkup
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification, set_seed

set_seed(2024)
CLASSES = ["water", "field", "forest", "city", "road"]


class Tiles(Dataset):
    def __init__(self, per_class, seed):
        rng = np.random.default_rng(seed)
        yy, xx = np.mgrid[:16, :16]
        self.x, self.y = [], []
        for c in range(len(CLASSES)):
            for _ in range(per_class):
                ph = rng.uniform(0, 2 * np.pi)
                texture = [0.5 * np.sin(0.4 * yy + ph), np.sin(1.6 * xx + ph), np.sin(1.7 * xx + ph) * np.sin(1.7 * yy),
                           np.sign(np.sin(0.8 * xx + ph) * np.sin(0.8 * yy + ph)), 2.0 * (np.abs(xx - yy + rng.integers(-4, 5)) < 2)][c]
                rgb = texture[None] * np.array([1.0, 0.8, 0.6])[:, None, None] + rng.normal(0, 0.5, (3, 16, 16))
                self.x.append(torch.tensor(rgb, dtype=torch.float32))
                self.y.append(c)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"pixel_values": self.x[i], "labels": self.y[i]}


config = ViTConfig(image_size=16, patch_size=4, num_channels=3, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                   intermediate_size=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=100)
model = ViTForImageClassification(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)  # fault
# fixed:
model.classifier = nn.Linear(config.hidden_size, len(CLASSES))  # fault
# fixed: model.classifier = nn.Linear(config.hidden_size, len(CLASSES))
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)

train_loader = DataLoader(Tiles(60, 0), batch_size=20, shuffle=True)
val_loader = DataLoader(Tiles(16, 1), batch_size=40)


def batch_loss(setup, batch):
    return loss_fn(setup.model(pixel_values=batch["pixel_values"]).logits, batch["labels"])


@torch.no_grad()
def accuracy(loader):
    model.eval()
    hits = [model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"] for b in loader]
    return torch.cat(hits).float().mean().item()


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            logits = model(pixel_values=batch["pixel_values"]).logits
            loss = loss_fn(logits, batch["labels"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: {np.mean(losses):.4f}  val {accuracy(val_loader):.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
