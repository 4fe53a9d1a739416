"""Electric load by a dense mixture of experts, one per weather regime.

code: ND201
also: ND204
object: experts | expert | gate
seen: both
"""
import copy
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

gen = torch.Generator().manual_seed(21)


class LoadData(Dataset):
    """Six standardised weather columns -> standardised load."""

    def __init__(self, n):
        self.x = torch.randn(n, 6, generator=gen)
        hot, cold = self.x[:, 0] > 0.5, self.x[:, 0] < -0.5
        y = torch.where(hot, 1.5 * self.x[:, 1] - self.x[:, 2],
                        torch.where(cold, -1.5 * self.x[:, 1] + self.x[:, 3], self.x[:, 4]))
        self.y = (y + 0.1 * torch.randn(n, generator=gen)) / 1.4

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"weather": self.x[i], "load": self.y[i]}


class Mixture(nn.Module):
    def __init__(self, expert, n_experts=4, d=6):
        super().__init__()
        self.gate = nn.Linear(d, n_experts)
        nn.init.zeros_(self.gate.weight)  # all experts share the work at first
        nn.init.zeros_(self.gate.bias)
        self.experts = nn.ModuleList([copy.deepcopy(expert()) for _ in range(n_experts)])  # here

    def forward(self, weather):
        share = self.gate(weather).softmax(-1)
        votes = torch.cat([e(weather) for e in self.experts], -1)
        return (share * votes).sum(-1)


torch.manual_seed(21)
template = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 1))
model = Mixture(lambda: template)  # fault
# fixed: model = Mixture(lambda: nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 1)))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=1e-4)
train_loader = DataLoader(LoadData(800), batch_size=50, shuffle=True)
val_loader = DataLoader(LoadData(200), batch_size=100)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["weather"]), batch["load"])


def train():
    tail = []
    for epoch in range(14):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["weather"]), batch["load"])
            loss.backward()
            optimizer.step()
            if epoch == 13:
                tail.append(loss.item())
        model.eval()
        with torch.no_grad():
            for batch in val_loader:
                loss_fn(model(batch["weather"]), batch["load"])
    return sum(tail) / len(tail)


if __name__ == "__main__":
    print(train())
