"""Low-rank adapters on a frozen feature extractor, for a new set of digit pairs.

code: none
trait: frozen trunk, adapters whose up-projection starts at zero (so the down-projection has no gradient in the first step), optimizer over a part of the parameters
"""
import math
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(64)


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int = 8, alpha: int = 16):
        super().__init__()
        self.base = base
        for p in self.base.parameters():
            p.requires_grad = False
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r

    def forward(self, x):
        return self.base(x) + (x @ self.lora_A.T @ self.lora_B.T) * self.scaling


class Trunk(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.norm0 = nn.LayerNorm(64)
        self.fc1, self.fc2 = nn.Linear(64, width), nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width)

    def forward(self, x):
        h = torch.nn.functional.gelu(self.fc1(self.norm0(x)))
        return self.norm1(h + torch.nn.functional.gelu(self.fc2(h)))


class Adapted(nn.Module):
    def __init__(self, trunk, n_classes):
        super().__init__()
        self.trunk = trunk
        for p in trunk.parameters():
            p.requires_grad_(False)
        trunk.fc1, trunk.fc2 = LoRALinear(trunk.fc1), LoRALinear(trunk.fc2)
        self.head = nn.Linear(96, n_classes)

    def forward(self, x):
        return self.head(self.trunk(x))


data, target = load_digits(return_X_y=True)
order = torch.randperm(len(data))
x = (torch.tensor(data, dtype=torch.float32)[order] - 4.88) / 6.02
y = torch.tensor(target)[order]
train_loader = DataLoader(TensorDataset(x[:1437], y[:1437]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1437:], y[1437:]), batch_size=120)

model = Adapted(Trunk(), 10)
trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trainable, lr=2e-3)
loss_fn = nn.CrossEntropyLoss()


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(xb).argmax(1) == yb for xb, yb in val_loader]).float().mean().item()
        print(f"{epoch} {total / len(train_loader):.4f} {acc:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
