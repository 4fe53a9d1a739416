"""Matrix factorisation of film ratings: dot product of user and film vectors plus biases.

code: ND709
also:
object: optimizer | eps | users | films | users.weight | films.weight
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(24)
USERS, FILMS, RANK = 80, 60, 6


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.users, self.films = nn.Embedding(USERS, RANK), nn.Embedding(FILMS, RANK)
        self.user_bias, self.film_bias = nn.Embedding(USERS, 1), nn.Embedding(FILMS, 1)
        for table in (self.users, self.films):
            nn.init.normal_(table.weight, std=0.3)
        for table in (self.user_bias, self.film_bias):
            nn.init.zeros_(table.weight)

    def forward(self, pair):
        u, f = pair[:, 0], pair[:, 1]
        return (self.users(u) * self.films(f)).sum(1) + self.user_bias(u)[:, 0] + self.film_bias(f)[:, 0]


taste, style = torch.randn(USERS, 3), torch.randn(FILMS, 3)
every = torch.cartesian_prod(torch.arange(USERS), torch.arange(FILMS))
chosen = every[torch.randperm(len(every))[:3400]]
stars = (taste[chosen[:, 0]] * style[chosen[:, 1]]).sum(1) / 3 ** 0.5 + 0.2 * torch.randn(3400)
train_loader = DataLoader(TensorDataset(chosen[:2800], stars[:2800]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(chosen[2800:], stars[2800:]), batch_size=100)
model = Factors()
loss_fn = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-3, eps=0.0)  # fault
# fixed: optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-3, eps=1e-6)


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for pair, s in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pair), s)
            loss.backward()
            optimizer.step()  # here
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(p), s).item() for p, s in val_loader) / len(val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
