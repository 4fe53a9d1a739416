"""Pollen grains under the microscope: a vision transformer gets a head for the five plants of our garden.

code: ND601
also:
object: classifier | model.classifier | classifier.weight | optimizer | classifier.bias
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(55)
PLANTS = ["hazel", "birch", "lime", "clover", "maple"]


def grain(kind, size=24):
    """a disc whose rim is modulated; the number of lobes tells the plant"""
    lobes, depth = [0, 3, 4, 6, 2][kind], [0.0, 0.3, 0.3, 0.25, 0.4][kind]
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    angle = torch.atan2(yy, xx) + 0.2 * torch.randn(())
    radius = (0.6 + 0.05 * torch.randn(())) * (1 + depth * torch.cos(lobes * angle))
    img = torch.sigmoid(12 * (radius - (yy ** 2 + xx ** 2).sqrt()))
    tint = torch.tensor([[0.2, -0.2, 0.0, 0.3, -0.3], [0.1, 0.2, -0.3, 0.0, 0.0], [0.0] * 5])[:, kind].view(3, 1, 1)
    return (img[None] * (1 + tint) - 0.4 + 0.25 * torch.randn(3, size, size)) / 0.55


class Pollen(Dataset):
    def __init__(self, n):
        self.labels = torch.randint(len(PLANTS), (n,)).tolist()
        self.images = [grain(k) for k in self.labels]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"pixel_values": self.images[i], "labels": self.labels[i]}


train_loader = DataLoader(Pollen(320), batch_size=32, shuffle=True)
val_loader = DataLoader(Pollen(96), batch_size=48)

config = ViTConfig(image_size=24, patch_size=6, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                   intermediate_size=96, num_labels=2)
model = ViTForImageClassification(config)


def replace_head(vit, labels):
    vit.classifier = nn.Linear(vit.config.hidden_size, len(labels))  # here
    nn.init.normal_(vit.classifier.weight, std=0.02)
    nn.init.zeros_(vit.classifier.bias)
    vit.num_labels = vit.config.num_labels = len(labels)
    return vit


optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)  # fault
# fixed: model = replace_head(model, PLANTS)
model = replace_head(model, PLANTS)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)

EPOCHS = 6
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda s: 0.5 * (1 + math.cos(math.pi * s / (EPOCHS * len(train_loader)))))


def train():
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for batch in train_loader:
            out = model(**batch)
            out.loss.backward()
            optimizer.step()
            scheduler.step()
            model.zero_grad()
            total += out.loss.item()
        model.eval()
        hits = 0
        with torch.no_grad():
            for batch in val_loader:
                hits += (model(batch["pixel_values"]).logits.argmax(-1) == batch["labels"]).sum().item()
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} val acc {hits / 96:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
