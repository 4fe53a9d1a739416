"""How will a player rate a board game? Factors for players and games.

code: ND201
also:
object: player | game | factors | zeros_ | Embedding | weight | Taste
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)
PLAYERS, GAMES, RANK = 60, 40, 4

true_p = torch.randn(PLAYERS, RANK)
true_g = torch.randn(GAMES, RANK)
who, what = torch.meshgrid(torch.arange(PLAYERS), torch.arange(GAMES), indexing="ij")
who, what = who.reshape(-1), what.reshape(-1)
stars = (true_p[who] * true_g[what]).sum(1) / 2 + 0.2 * torch.randn(len(who))
order = torch.randperm(len(who))
pairs = torch.stack([who, what], 1)[order]
stars = stars[order]
train_loader = DataLoader(TensorDataset(pairs[:2000], stars[:2000]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(pairs[2000:], stars[2000:]), batch_size=400)


class Taste(nn.Module):
    def __init__(self, rank=6):
        super().__init__()
        self.player = nn.Embedding(PLAYERS, rank)
        self.game = nn.Embedding(GAMES, rank)
        self.player_bias = nn.Embedding(PLAYERS, 1)
        self.game_bias = nn.Embedding(GAMES, 1)
        for factors in (self.player, self.game):
            nn.init.zeros_(factors.weight)  # fault
            # fixed: nn.init.normal_(factors.weight, std=0.1)
        for bias in (self.player_bias, self.game_bias):
            nn.init.zeros_(bias.weight)

    def forward(self, pair):
        p, g = pair[:, 0], pair[:, 1]
        likes = (self.player(p) * self.game(g)).sum(1)
        return likes + self.player_bias(p)[:, 0] + self.game_bias(g)[:, 0]


model = Taste()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=1e-5)


def train():
    for epoch in range(20):
        model.train()
        for pair, star in train_loader:
            optimizer.zero_grad()
            loss_fn(model(pair), star).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        err = sum(((model(p) - s) ** 2).sum().item() for p, s in val_loader) / 400
    print(f"val mse {err:.3f} (variance {stars.var():.3f})")


if __name__ == "__main__":
    train()
