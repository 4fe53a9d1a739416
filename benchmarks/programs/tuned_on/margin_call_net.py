"""Will an account get a margin call this week? Categories through embeddings, positions as numbers.

code: ND202
also:
object: tables | tables.0 | tables.0.weight | tables.1 | tables.2 | reset_tables | uniform_
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

CARDS = (40, 16, 12)   # desk, instrument, region


class Accounts(Dataset):
    def __init__(self, n, seed):
        world = torch.Generator().manual_seed(0)
        effect = [torch.randn(c, generator=world) for c in CARDS]
        g = torch.Generator().manual_seed(seed)
        self.cat = torch.stack([torch.randint(0, c, (n,), generator=g) for c in CARDS], 1)
        self.num = torch.randn(n, 5, generator=g)
        z = sum(e[self.cat[:, i]] for i, e in enumerate(effect)) + 1.5 * self.num[:, 0] - self.num[:, 1] * self.num[:, 2]
        self.call = (torch.rand(n, generator=g) < torch.sigmoid(1.5 * z)).float()

    def __len__(self):
        return len(self.call)

    def __getitem__(self, i):
        return (self.cat[i], self.num[i]), self.call[i]


class MarginNet(nn.Module):
    def __init__(self, dim=6):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(c, dim) for c in CARDS)
        self.mlp = nn.Sequential(nn.Linear(3 * dim + 5, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
        self.reset_tables()

    def reset_tables(self):
        for table in self.tables:
            nn.init.uniform_(table.weight, 0, table.num_embeddings)  # fault
            # fixed: nn.init.uniform_(table.weight, -0.5, 0.5)

    def forward(self, inputs):
        cat, num = inputs
        parts = [table(cat[:, i]) for i, table in enumerate(self.tables)]  # here
        return self.mlp(torch.cat(parts + [num], 1)).squeeze(1)


torch.manual_seed(4)
train_loader = DataLoader(Accounts(2400, 1), batch_size=60, shuffle=True)
val_loader = DataLoader(Accounts(500, 2), batch_size=250)
model = MarginNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    inputs, call = batch
    return loss_fn(setup.model(inputs), call)


def epoch_loss(loader, learn):
    model.train(learn)
    total = 0.0
    with torch.set_grad_enabled(learn):
        for inputs, call in loader:
            loss = loss_fn(model(inputs), call)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(call)
    return total / len(loader.dataset)


def train():
    for epoch in range(8):
        a, b = epoch_loss(train_loader, True), epoch_loss(val_loader, False)
        print(f"epoch {epoch}  {a:.3f}  {b:.3f}")
    return a


if __name__ == "__main__":
    print(train())
