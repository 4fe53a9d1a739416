"""Odours from a sensor array. To save memory everything runs in bfloat16.

code: ND807
also: ND605
object: model | optimizer | bfloat16
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(73)
prototypes = torch.randn(6, 32)


def sniff(n):
    odour = torch.randint(0, 6, (n,))
    return TensorDataset((prototypes[odour] + 1.5 * torch.randn(n, 32)) / 1.8, odour)


class Nose(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 6))

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.layers(x)


train_loader = DataLoader(sniff(800), batch_size=40, shuffle=True)
val_loader = DataLoader(sniff(200), batch_size=100)
model = Nose().to(torch.bfloat16)  # fault
# fixed: model = Nose()
loss_fn = lambda logits, odour: nn.functional.cross_entropy(logits.float(), odour)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0)  # here


def train():
    for epoch in range(16):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, total / len(train_loader), hits / 200)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
