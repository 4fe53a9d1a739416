"""How many days does a reader keep a book? Embeddings for reader and shelf.

code: ND709
also:
object: eps | optimizer | Adam | reader | shelf
seen: watch
"""
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(18)
pair = torch.randperm(100 * 40)[:2400]                   # nobody takes a shelf twice
loans = pd.DataFrame({"reader": (pair // 40).numpy(), "shelf": (pair % 40).numpy()})
slow, thick = torch.randn(100), torch.randn(40)
days = slow[pair // 40] + thick[pair % 40] + 0.3 * torch.randn(2400)
loans["days"] = ((days - days.mean()) / days.std()).numpy()


def loader(frame, shuffle):
    return DataLoader(TensorDataset(
        torch.tensor(frame[["reader", "shelf"]].values), torch.tensor(frame.days.values)),
        batch_size=40, shuffle=shuffle)


train_loader, val_loader = loader(loans[:2000], True), loader(loans[2000:], False)


class Loans(nn.Module):
    def __init__(self):
        super().__init__()
        self.reader = nn.Embedding(100, 4)
        self.shelf = nn.Embedding(40, 4)
        self.out = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, ids):
        both = torch.cat([self.reader(ids[:, 0]), self.shelf(ids[:, 1])], 1)
        return self.out(both).squeeze(1)


model = Loans()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, eps=0)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, eps=1e-8)


def train():
    for epoch in range(10):
        model.train()
        for ids, days in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), days)
            loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(i), d).item() for i, d in val_loader) / len(val_loader)
    print("val mse", val)


if __name__ == "__main__":
    train()
