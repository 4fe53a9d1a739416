"""Board game ratings by matrix factorisation with player and game biases.

code: ND704
also:
object: rank | Factors | players | games
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(53)
N_PLAYERS, N_GAMES, TASTES = 60, 50, 6
p_true, g_true = torch.randn(N_PLAYERS, TASTES), torch.randn(N_GAMES, TASTES)


class Ratings(Dataset):
    def __init__(self, pairs):
        self.p, self.g = pairs // N_GAMES, pairs % N_GAMES
        self.r = (p_true[self.p] * g_true[self.g]).sum(1) / TASTES**0.5
        self.r = self.r + 0.1 * torch.randn(len(pairs))

    def __len__(self):
        return len(self.p)

    def __getitem__(self, i):
        return self.p[i], self.g[i], self.r[i]


class Factors(nn.Module):
    def __init__(self, rank):
        super().__init__()
        self.players = nn.Embedding(N_PLAYERS, rank)
        self.games = nn.Embedding(N_GAMES, rank)
        self.player_bias = nn.Embedding(N_PLAYERS, 1)
        self.game_bias = nn.Embedding(N_GAMES, 1)
        for e in (self.players, self.games):
            nn.init.normal_(e.weight, std=0.5)
        for e in (self.player_bias, self.game_bias):
            nn.init.normal_(e.weight, std=0.05)

    def forward(self, p, g):
        dot = (self.players(p) * self.games(g)).sum(1)
        return dot + self.player_bias(p).squeeze(1) + self.game_bias(g).squeeze(1)


pairs = torch.randperm(N_PLAYERS * N_GAMES)
train_loader = DataLoader(Ratings(pairs[:2600]), batch_size=130, shuffle=True)
val_loader = DataLoader(Ratings(pairs[2600:]), batch_size=200)
model = Factors(rank=1)  # fault
# fixed: model = Factors(rank=8)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    p, g, r = batch
    return (net(p, g) - r).pow(2).mean()


def train():
    for epoch in range(16):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(model, b).item() for b in val_loader) / len(val_loader)
    print("val mse", round(val, 3))


if __name__ == "__main__":
    train()
