"""Finds the defect type on circuit-board crops with a tiny ViT trained from scratch.

code: ND604
also: ND706
object: optimizer | lr | args
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import argparse

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.05)  # fault
# fixed: parser.add_argument("--lr", type=float, default=0.002)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--batch-size", type=int, default=32)
args = parser.parse_args([])

LABELS = ["ok", "open", "short", "spur"]


class BoardCrops(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.label = torch.randint(4, (n,), generator=g)
        image = 0.3 * torch.randn(n, 1, 16, 16, generator=g) - 0.4
        image[:, :, :, 3:5] += 1.4  # two copper tracks
        image[:, :, :, 11:13] += 1.4
        for i, kind in enumerate(self.label.tolist()):
            y = int(torch.randint(2, 12, (1,), generator=g))
            if kind == 1:
                image[i, :, y: y + 3, 3:5] -= 1.4
            elif kind == 2:
                image[i, :, y: y + 2, 5:11] += 1.4
            elif kind == 3:
                image[i, :, y: y + 3, 13:16] += 1.4
        self.image = image

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return {"pixel_values": self.image[i], "labels": self.label[i]}


torch.manual_seed(0)
train_loader = DataLoader(BoardCrops(800, seed=3), batch_size=args.batch_size, shuffle=True)
val_loader = DataLoader(BoardCrops(200, seed=4), batch_size=100)

config = ViTConfig(image_size=16, patch_size=4, num_channels=1, hidden_size=32, num_hidden_layers=1,
                   num_attention_heads=2, intermediate_size=64, num_labels=len(LABELS),
                   hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
model = ViTForImageClassification(config)
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)  # here


def accuracy():
    model.eval()
    with torch.no_grad():
        hits = [model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"] for b in val_loader]
    return torch.cat(hits).float().mean().item()


def train():
    for epoch in range(args.epochs):
        model.train()
        running = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            outputs = model(**batch)
            outputs.loss.backward()
            optimizer.step()  # here
            running += outputs.loss.item()
        running /= len(train_loader)
        print(f"epoch {epoch} loss {running:.4f} acc {accuracy():.3f}")
    return running


if __name__ == "__main__":
    print(train())
