"""Film ratings by matrix factorisation with biases.

code: ND201
also: ND501
object: user | film | user.weight | film.weight
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(90)
USERS, FILMS, RANK = 80, 60, 6
taste, style = torch.randn(USERS, 3), torch.randn(FILMS, 3)
pairs = torch.randperm(USERS * FILMS)[:3400]
users, films = pairs // FILMS, pairs % FILMS
ratings = (3.5 + 0.7 * (taste[users] * style[films]).sum(1) + 0.2 * torch.randn(len(pairs))).clamp(0.5, 6.5)
mean = ratings[:2800].mean()
ids = torch.stack([users, films], 1)
train_loader = DataLoader(TensorDataset(ids[:2800], ratings[:2800] - mean), batch_size=100, shuffle=True)
val_loader = DataLoader(TensorDataset(ids[2800:], ratings[2800:] - mean), batch_size=300)


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.user = nn.Embedding(USERS, RANK)
        self.film = nn.Embedding(FILMS, RANK)
        self.user_bias = nn.Embedding(USERS, 1)
        self.film_bias = nn.Embedding(FILMS, 1)
        nn.init.zeros_(self.user.weight)  # fault
        # fixed: nn.init.normal_(self.user.weight, std=0.3)
        nn.init.zeros_(self.film.weight)  # fault
        # fixed: nn.init.normal_(self.film.weight, std=0.3)
        for bias in (self.user_bias, self.film_bias):
            nn.init.zeros_(bias.weight)

    def forward(self, ids):
        u, f = ids.unbind(1)
        return (self.user(u) * self.film(f)).sum(1) + (self.user_bias(u) + self.film_bias(f)).squeeze(1)  # here


model = Factors()  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2, weight_decay=1e-5)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for ids, rating in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), rating)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            rmse = torch.cat([(model(i) - r) ** 2 for i, r in val_loader]).mean().sqrt()
        print(f"{epoch} {total / len(train_loader):.3f} {rmse:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    train()
