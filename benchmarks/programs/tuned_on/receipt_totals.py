"""Total of a receipt from its item ids; embeddings trained with RMSprop.

code: ND709
also: ND308
object: optimizer | eps | items | RMSprop
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(73)
ITEMS = 200
price = torch.randn(ITEMS) * .5
basket = torch.randint(0, ITEMS, (640, 6))
total = price[basket].sum(1)
train_loader = DataLoader(TensorDataset(basket[:512], total[:512]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(basket[512:], total[512:]), batch_size=64)


class Till(nn.Module):
    def __init__(self, d=12):
        super().__init__()
        self.items = nn.Embedding(ITEMS, d)
        self.head = nn.Sequential(nn.Linear(d, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, basket):
        return self.head(self.items(basket)).sum(1).squeeze(-1)


OPT = {"lr": 5e-3, "alpha": .95, "eps": 0.0}  # fault
# fixed: OPT = {"lr": 5e-3, "alpha": .95, "eps": 1e-8}
model = Till()
loss_fn = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), **OPT)  # here


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for b, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(b), t)
            loss.backward()
            optimizer.step()  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(b), t).item() for b, t in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
