"""Fabric inspection: a frozen ResNet trunk (batch-norm kept in eval mode) under a new head with a linear warm-up.

code: none
trait: a frozen trunk in eval mode during training, an optimizer that owns the head only, warm-up from zero, a scheduler stepped every batch, label smoothing
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import ResNetConfig, ResNetModel, get_cosine_schedule_with_warmup


def fabrics(n, seed):
    g = torch.Generator().manual_seed(seed)
    label = torch.randint(4, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    angle = label * math.pi / 4
    wave = torch.cos(angle)[:, None, None] * xx + torch.sin(angle)[:, None, None] * yy
    phase = 2 * math.pi * torch.rand(n, 1, 1, generator=g)
    image = torch.sin(2 * math.pi * wave / 6 + phase)[:, None] + 0.4 * torch.randn(n, 3, 24, 24, generator=g)
    return TensorDataset(image / 0.8, label)


class FabricInspector(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.trunk = ResNetModel(ResNetConfig(embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic"))
        for parameter in self.trunk.parameters():
            parameter.requires_grad_(False)
        self.head = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, classes))

    def train(self, mode=True):
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, image):
        with torch.no_grad():
            features = self.trunk(image).pooler_output.flatten(1)
        return self.head(features)


EPOCHS = 6
torch.manual_seed(5)
train_loader = DataLoader(fabrics(480, seed=1), batch_size=24, shuffle=True)
val_loader = DataLoader(fabrics(120, seed=2), batch_size=60)
model = FabricInspector()
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.AdamW(model.head.parameters(), lr=1e-2, weight_decay=0.01)
steps = EPOCHS * len(train_loader)
scheduler = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=steps // 10, num_training_steps=steps)


def train():
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for image, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(image), label)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            right = torch.cat([model(i).argmax(1) == l for i, l in val_loader])
        print(f"epoch {epoch}: loss {total / len(train_loader):.4f} accuracy {right.float().mean():.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
