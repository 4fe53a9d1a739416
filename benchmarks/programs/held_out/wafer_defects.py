"""Marks the few cells of a wafer map that hold a defect (one logit a cell, prior for rare positives as in RetinaNet).

code: ND406
also: ND202
object: bias | head | head.bias | prior | objectness
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(230)
PRIOR = 0.02


class Wafers(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.truth = (torch.rand(n, 1, 10, 10, generator=g) < PRIOR).float()
        plus = torch.tensor([[0.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
        self.maps = 1.5 * nn.functional.conv2d(self.truth, plus, padding=1) + 0.9 * torch.randn(n, 1, 10, 10, generator=g)

    def __len__(self):
        return len(self.maps)

    def __getitem__(self, i):
        return self.maps[i], self.truth[i]


class DefectNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(16, 1, 1)
        nn.init.constant_(self.head.bias, math.log((1 - PRIOR) / PRIOR))  # fault
        # fixed: nn.init.constant_(self.head.bias, -math.log((1 - PRIOR) / PRIOR))

    def forward(self, wafer):
        return self.head(self.body(wafer))  # here


train_loader = DataLoader(Wafers(400, 0), batch_size=20, shuffle=True)
val_loader = DataLoader(Wafers(100, 1), batch_size=50)
model = DefectNet()
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


@torch.no_grad()
def f1():
    model.eval()
    tp = fp = fn = 0
    for wafer, truth in val_loader:
        said = model(wafer) > 0
        tp += (said & (truth > 0)).sum().item()
        fp += (said & (truth == 0)).sum().item()
        fn += (~said & (truth > 0)).sum().item()
    return 2 * tp / max(2 * tp + fp + fn, 1)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for wafer, truth in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(wafer), truth)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch} first {losses[0]:.3f} mean {sum(losses) / len(losses):.4f} f1 {f1():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
