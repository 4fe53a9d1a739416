"""Minerals in thin sections under crossed polars: which of five fills the plate, from 3x12x12 crops.

code: ND708
also:
object: evaluate | val_acc | val_loss | val_loader
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(555)
MINERALS = ["quartz", "feldspar", "biotite", "olivine", "calcite"]
COLOURS = torch.tensor([[.7, .7, .6], [.5, .5, .6], [.5, .35, .2], [.4, .6, .3], [.8, .6, .7]])
STRIPES = torch.tensor([0.0, 2.5, 4.0, 0.0, 1.2])


def crops(n):
    y = torch.randint(len(MINERALS), (n,))
    base = COLOURS[y] + 0.12 * torch.randn(n, 3)
    u = torch.arange(12.0).view(1, 12, 1) + torch.arange(12.0).view(1, 1, 12)
    twins = 0.15 * torch.sin(STRIPES[y].view(-1, 1, 1) * u / 2)
    x = base.view(n, 3, 1, 1) + twins.unsqueeze(1) + 0.15 * torch.randn(n, 3, 12, 12)
    return TensorDataset((x - 0.55) / 0.22, y)


train_set, val_set = crops(600), crops(131)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=64)  # here


class PlateNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.fc = nn.Linear(24, len(MINERALS))

    def forward(self, x):
        x = F.max_pool2d(F.gelu(self.conv1(x)), 2)
        x = F.gelu(self.conv2(x))
        return self.fc(x.mean(dim=(2, 3)))


model = PlateNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def evaluate():
    model.eval()
    val_loss, val_acc = 0.0, 0.0
    for x, y in val_loader:
        logits = model(x)
        val_loss += loss_fn(logits, y).item()  # fault
        # fixed: val_loss += loss_fn(logits, y).item() * len(y)
        val_acc += (logits.argmax(1) == y).float().mean().item()  # fault
        # fixed: val_acc += (logits.argmax(1) == y).float().sum().item()
    return val_loss / len(val_loader), val_acc / len(val_loader)  # fault
    # fixed: return val_loss / len(val_set), val_acc / len(val_set)


def train(epochs=8):
    best = 0.0
    for epoch in range(epochs):
        model.train()
        running = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(y)
        val_loss, val_acc = evaluate()  # here
        best = max(best, val_acc)
        print(f"{epoch:2d}  {running / len(train_set):.4f}  {val_loss:.4f}  {val_acc:.4f}")
    print("best accuracy", round(best, 4))
    return running / len(train_set)


if __name__ == "__main__":
    print(train())
