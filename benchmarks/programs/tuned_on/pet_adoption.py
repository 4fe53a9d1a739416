"""Adoption speed of shelter animals: a few numbers plus the free-text description.

code: ND309
also: ND308, ND310
object: pool | AttentionPool | softmax | masked_fill | scores | tokens
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

np.random.seed(12)
torch.manual_seed(12)

WORDS = ("<pad> cute playful friendly healthy vaccinated loves kids shy old sick rescued small fluffy "
         "needs home urgent call me good boy girl cat dog").split()
GOOD, BAD = {"cute", "playful", "friendly", "healthy", "vaccinated", "fluffy"}, {"shy", "old", "sick", "urgent"}
MAXLEN = 14


def make_frame(n):
    rows = []
    for _ in range(n):
        words = list(np.random.choice(WORDS[1:], np.random.randint(3, MAXLEN + 1)))
        if np.random.rand() < 0.06:
            words = []          # the owner wrote nothing
        age, fee, photos = np.random.gamma(2, 12), np.random.gamma(1.2, 40), np.random.poisson(3)
        pull = sum(w in GOOD for w in words) - 1.3 * sum(w in BAD for w in words)
        speed = 1.1 * pull - 0.04 * age - 0.008 * fee + 0.25 * photos + 0.4 * np.random.randn()
        rows.append((age, fee, photos, " ".join(words), speed))
    return pd.DataFrame(rows, columns=["Age", "Fee", "PhotoAmt", "Description", "Speed"])


train_df, valid_df = make_frame(900), make_frame(200)
nums = ["Age", "Fee", "PhotoAmt"]
mu, sd = train_df[nums].mean(), train_df[nums].std()
s_mu, s_sd = train_df.Speed.mean(), train_df.Speed.std()


class PetDataset(Dataset):
    def __init__(self, df):
        self.num = torch.tensor(((df[nums] - mu) / sd).values, dtype=torch.float32)
        self.y = torch.tensor(((df.Speed - s_mu) / s_sd).values, dtype=torch.float32)
        self.tok = torch.zeros(len(df), MAXLEN, dtype=torch.long)
        for i, text in enumerate(df.Description):
            ids = [WORDS.index(w) for w in text.split()]
            self.tok[i, :len(ids)] = torch.tensor(ids, dtype=torch.long)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"num": self.num[i], "tokens": self.tok[i], "target": self.y[i]}


class AttentionPool(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def forward(self, h, mask):
        s = self.score(torch.tanh(h)).squeeze(-1)
        s = s.masked_fill(~mask, float("-inf"))  # fault
        # fixed: s = s.masked_fill(~mask, -1e4)
        w = torch.softmax(s, dim=1)  # fault
        # fixed: w = torch.softmax(s, dim=1) * mask
        return (w.unsqueeze(-1) * h).sum(1) * mask.sum(1, keepdim=True) / MAXLEN


class PetNet(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.emb = nn.Embedding(len(WORDS), dim, padding_idx=0)
        self.pool = AttentionPool(dim)
        self.mlp = nn.Sequential(nn.Linear(dim + 3, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, batch):
        tokens = batch["tokens"]
        text = self.pool(self.emb(tokens), tokens != 0)  # here
        return self.mlp(torch.cat([batch["num"], text], 1)).squeeze(1)


train_loader = DataLoader(PetDataset(train_df), batch_size=32, shuffle=True)
val_loader = DataLoader(PetDataset(valid_df), batch_size=100)
model = PetNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch), batch["target"])


def train():
    for epoch in range(8):
        model.train()
        s = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch), batch["target"])
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            v = np.mean([loss_fn(model(b), b["target"]).item() for b in val_loader])
        print(f"epoch {epoch}: {s / len(train_loader):.4f} {v:.4f}")
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
