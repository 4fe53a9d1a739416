"""Players rate board games: matrix factorisation with compact tables.

code: ND807
also: ND605
object: bfloat16 | players | games | Factors | dtype | model
seen: both
"""
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(61)
P, G, RANK = 50, 40, 6
taste, style = torch.randn(P, 3), torch.randn(G, 3)
who = torch.randint(0, P, (3600,))
what = torch.randint(0, G, (3600,))
stars = (taste[who] * style[what]).sum(1) / 3**0.5 + 0.1 * torch.randn(3600)
ratings = pd.DataFrame({"who": who, "what": what, "stars": stars})
COMPACT = torch.bfloat16  # fault
# fixed: COMPACT = torch.float32


class Ratings(Dataset):
    def __init__(self, df):
        self.w, self.g = torch.tensor(df.who.values), torch.tensor(df.what.values)
        self.s = torch.tensor(df.stars.values, dtype=torch.float32)

    def __len__(self):
        return len(self.s)

    def __getitem__(self, i):
        return self.w[i], self.g[i], self.s[i]


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.players = nn.Embedding(P, RANK, dtype=COMPACT)  # here
        self.games = nn.Embedding(G, RANK, dtype=COMPACT)  # here

    def forward(self, w, g):
        return (self.players(w).float() * self.games(g).float()).sum(1) / RANK**0.5


train_loader = DataLoader(Ratings(ratings[:3000]), batch_size=50, shuffle=True)
val_loader = DataLoader(Ratings(ratings[3000:]), batch_size=200)
model = Factors()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.08, momentum=0.5)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    w, g, s = batch
    return loss_fn(model(w, g), s)


def train():
    for epoch in range(30):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        val = sum(batch_loss(model, b).item() for b in val_loader) / len(val_loader)
    print(f"train {loss.item():.3f} val {val:.3f}")


if __name__ == "__main__":
    train()
