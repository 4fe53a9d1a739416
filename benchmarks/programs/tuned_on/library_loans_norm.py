"""Which of four shelves will a reader use next? Borrowing profiles, brought to length one.

code: ND807
also: ND310 | ND308
object: half | unit | eps | EPS | float16
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(81)
SHELVES, TITLES = 4, 30
EPS = 1e-8
habit = torch.distributions.Dirichlet(torch.full((TITLES,), 0.3)).sample((SHELVES,))


def readers(n):
    shelf = torch.randint(0, SHELVES, (n,))
    loans = torch.poisson(torch.rand(n, 1) * 25 * habit[shelf] + 0.02)
    loans[torch.rand(n) < 0.03] = 0                  # new readers have borrowed nothing
    return TensorDataset(loans, shelf)


def unit(v):
    v = v.half()  # fault
    # fixed: v = v.float()
    length = v.pow(2).sum(1, keepdim=True).sqrt()
    return (v / (length + EPS)).float()  # here


class ShelfNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(TITLES, 32)
        self.out = nn.Linear(32, SHELVES)

    def forward(self, loans):
        return self.out(torch.relu(self.hidden(unit(loans) * 4)))


train_loader = DataLoader(readers(900), batch_size=45, shuffle=True)
val_loader = DataLoader(readers(300), batch_size=100)
model = ShelfNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(8):
        model.train()
        for loans, shelf in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(loans), shelf)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        acc = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / 300
    print(f"loss {loss.item():.3f} acc {acc:.3f}")


if __name__ == "__main__":
    train()
