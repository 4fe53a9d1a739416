"""Several outcomes of hospital patients from one trunk, one head for each outcome.

code: ND203
also: ND601
object: heads | MultiTask.heads
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

OUTCOMES = {"readmitted": 2, "ward": 4, "risk_group": 3}


class Patients(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        rules = torch.Generator().manual_seed(1234)
        self.x = torch.randn(n, 14, generator=g)
        self.y = {}
        for name, classes in OUTCOMES.items():
            w = torch.randn(14, classes, generator=rules)
            scores = self.x @ w + 0.5 * (self.x[:, :classes] ** 2 - 1)
            self.y[name] = (scores + 0.3 * torch.randn(n, classes, generator=g)).argmax(1)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {"x": self.x[i], **{name: y[i] for name, y in self.y.items()}}


class MultiTask(nn.Module):
    def __init__(self, d=14, width=64):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(d, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.heads = {name: nn.Linear(width, c) for name, c in OUTCOMES.items()}  # fault
        # fixed: self.heads = nn.ModuleDict({name: nn.Linear(width, c) for name, c in OUTCOMES.items()})

    def forward(self, x):
        h = self.trunk(x)
        return {name: head(h) for name, head in self.heads.items()}  # here


torch.manual_seed(0)
model = MultiTask()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)  # here
train_loader = DataLoader(Patients(1200, 1), batch_size=50, shuffle=True)
val_loader = DataLoader(Patients(300, 2), batch_size=100)


def batch_loss(setup, batch):
    outputs = setup.model(batch["x"])
    return sum(F.cross_entropy(outputs[name], batch[name]) for name in OUTCOMES) / len(OUTCOMES)


def train():
    class setup:
        pass
    setup.model = model
    for epoch in range(6):
        model.train()
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    train()
