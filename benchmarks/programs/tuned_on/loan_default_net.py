"""Will the loan be paid back? An embedding of the branch plus numbers, lr reduced when the validation loss stops improving.

code: ND606
also: ND605
object: scheduler | ReduceLROnPlateau | mode
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(88)


class Loans(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        effect = torch.randn(12, generator=torch.Generator().manual_seed(1))
        self.branch = torch.randint(0, 12, (n,), generator=g)
        self.numbers = torch.randn(n, 5, generator=g)
        risk = effect[self.branch] + 2 * self.numbers[:, 0] * self.numbers[:, 1] + self.numbers[:, 2]
        self.default = (risk > 0).float()

    def __len__(self):
        return len(self.default)

    def __getitem__(self, i):
        return (self.branch[i], self.numbers[i]), self.default[i]


class Risk(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch = nn.Embedding(12, 4)
        self.mlp = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, pair):
        branch, numbers = pair
        return self.mlp(torch.cat([self.branch(branch), numbers], -1)).squeeze(-1)


train_loader = DataLoader(Loans(800, 2), batch_size=40, shuffle=True)
val_loader = DataLoader(Loans(200, 3), batch_size=50)
model = Risk()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=1)  # fault
# fixed: scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.1, patience=4)


def train():
    for epoch in range(18):
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
            val_loss = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        scheduler.step(val_loss)  # here
        print(f"{epoch:2d} train {total / len(train_loader):.4f} val {val_loss:.4f} lr {optimizer.param_groups[0]['lr']:.1e}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
