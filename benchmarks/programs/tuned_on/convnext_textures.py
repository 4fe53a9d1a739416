"""ConvNeXt (tiny, random weights) tells woven, dotted, striped and plain fabric apart.

code: ND401
also:
object: classifier | model.classifier | Softmax
seen: checkup
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import ConvNextConfig, ConvNextForImageClassification

torch.manual_seed(9)
SIDE = 16


def fabric(n):
    i, j = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    rows = []
    for _ in range(n):
        k = int(torch.randint(4, (1,))); s = int(torch.randint(4, (1,)))
        patterns = [((i + s) % 4 < 2) ^ ((j + s) % 4 < 2), ((i + s) % 4 == 0) & ((j + s) % 4 == 0), (i + s) % 4 < 2, i < 0]
        img = patterns[k].float() * 2 - 0.5
        rows.append({"pixel_values": (img + 0.3 * torch.randn(SIDE, SIDE)).expand(3, -1, -1).contiguous(), "labels": k})
    return rows


config = ConvNextConfig(num_channels=3, patch_size=2, hidden_sizes=[16, 32], depths=[1, 1], num_stages=2,
                        num_labels=4, image_size=SIDE, drop_path_rate=0.0)
model = ConvNextForImageClassification(config)
model.classifier = nn.Sequential(
    nn.LayerNorm(32), nn.Linear(32, 4),
    nn.Softmax(dim=-1),  # fault
    # fixed:
)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
train_loader = DataLoader(fabric(256), batch_size=32, shuffle=True)
val_loader = DataLoader(fabric(64), batch_size=32)


def train():
    for epoch in range(6):
        model.train()
        for batch in train_loader:
            out = model(**batch)  # here
            optimizer.zero_grad()
            out.loss.backward()  # here
            optimizer.step()
        model.eval()
        with torch.no_grad():
            vals = [model(**b).loss.item() for b in val_loader]
        print(epoch, out.loss.item(), sum(vals) / len(vals))
    return out.loss.item()


if __name__ == "__main__":
    print(train())
