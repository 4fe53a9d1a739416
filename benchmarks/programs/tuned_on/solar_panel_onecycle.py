"""Output of a solar panel from sun angle, cloud and panel age, trained with the one-cycle policy.

code: ND604
also: ND606
object: scheduler | OneCycleLR | max_lr | lr | optimizer
seen: both
"""
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, random_split, TensorDataset


@dataclass
class Plan:
    epochs: int = 12
    batch_size: int = 32
    hidden: int = 64
    weight_decay: float = 1e-4


plan = Plan()
torch.manual_seed(33)
n = 1600
angle = torch.rand(n) * 3.14
cloud = torch.rand(n)
age = torch.rand(n) * 20
power = torch.sin(angle) * (1 - 0.75 * cloud ** 2) * (1 - 0.012 * age) + 0.02 * torch.randn(n)
inputs = torch.stack([angle / 3.14, cloud, age / 20], 1) * 3.46 - 1.73
targets = ((power - power.mean()) / power.std()).unsqueeze(1)
train_set, val_set = random_split(TensorDataset(inputs, targets), [1280, 320])
train_loader = DataLoader(train_set, plan.batch_size, shuffle=True)
val_loader = DataLoader(val_set, 160)


class Panel(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.first = nn.Linear(3, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 1)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = torch.relu(self.second(x))
        return self.last(x)


model = Panel(plan.hidden)
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=plan.weight_decay)
scheduler = OneCycleLR(optimizer, max_lr=3.0, total_steps=plan.epochs * len(train_loader))  # fault
# fixed: scheduler = OneCycleLR(optimizer, max_lr=0.01, total_steps=plan.epochs * len(train_loader))


def train():
    for epoch in range(plan.epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()  # here
            scheduler.step()  # here
    model.eval()
    with torch.no_grad():
        mse = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    print("validation mse", mse)


if __name__ == "__main__":
    train()
