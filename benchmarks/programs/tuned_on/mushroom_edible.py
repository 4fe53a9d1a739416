"""Which of eight toxins a mushroom carries (often several) from its traits.

code: ND404
also:
object: loss_fn | CrossEntropyLoss | toxins
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Fungi(Dataset):
    n_traits, n_toxins = 18, 8

    def __init__(self, split):
        g = torch.Generator().manual_seed({"train": 0, "val": 1}[split])
        rule = torch.randn(self.n_traits, self.n_toxins, generator=torch.Generator().manual_seed(50))
        n = {"train": 900, "val": 240}[split]
        self.traits = torch.randn(n, self.n_traits, generator=g)
        score = self.traits @ rule / 3 + 0.3 * torch.randn(n, self.n_toxins, generator=g)
        self.toxins = (score > 0.3).float()

    def __len__(self):
        return len(self.traits)

    def __getitem__(self, i):
        return {"traits": self.traits[i], "toxins": self.toxins[i]}


class ToxinNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(18, 64), nn.LayerNorm(64), nn.GELU(), nn.Linear(64, 8))

    def forward(self, traits):
        return self.layers(traits)


class Trainer:
    def __init__(self, model, criterion, optimizer):
        self.model, self.criterion, self.optimizer = model, criterion, optimizer

    def step(self, batch):
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(batch["traits"]), batch["toxins"])  # here
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def exact_match(self, loader):
        self.model.eval()
        hits = n = 0
        for b in loader:
            p = self.model(b["traits"]) > 0
            hits += (p == b["toxins"].bool()).all(1).sum().item()
            n += len(p)
        self.model.train()
        return hits / n


torch.manual_seed(0)
train_loader = DataLoader(Fungi("train"), batch_size=45, shuffle=True)
val_loader = DataLoader(Fungi("val"), batch_size=120)
model = ToxinNet()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["traits"]), batch["toxins"])


def train():
    t = Trainer(model, loss_fn, optimizer)
    for epoch in range(10):
        model.train()
        losses = [t.step(b) for b in train_loader]
        print("epoch", epoch, "exact match", t.exact_match(val_loader))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
