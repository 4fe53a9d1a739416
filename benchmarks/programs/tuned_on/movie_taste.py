"""Matrix factorisation with biases on a small table of film ratings.

code: ND201
also: ND202
object: user_emb | item_emb | user_emb.weight | item_emb.weight | init_weights
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(17)
N_USERS, N_ITEMS, RANK = 120, 80, 8


class Ratings(Dataset):
    def __init__(self, users, items, stars):
        self.users, self.items, self.stars = users, items, stars

    def __len__(self):
        return self.users.numel()

    def __getitem__(self, k):
        return (self.users[k], self.items[k]), self.stars[k]


def simulate():
    p, q = torch.randn(N_USERS, 3), torch.randn(N_ITEMS, 3)
    bu, bi = 0.3 * torch.randn(N_USERS), 0.4 * torch.randn(N_ITEMS)
    pairs = torch.randperm(N_USERS * N_ITEMS)[:5000]
    u, i = pairs // N_ITEMS, pairs % N_ITEMS
    r = 3.5 + bu[u] + bi[i] + 0.55 * (p[u] * q[i]).sum(1) + 0.2 * torch.randn(len(u))
    return u, i, r.clamp(1, 5)


u, i, r = simulate()
cut = 4000
mu = r[:cut].mean()
train_loader = DataLoader(Ratings(u[:cut], i[:cut], r[:cut] - mu), batch_size=128, shuffle=True)
val_loader = DataLoader(Ratings(u[cut:], i[cut:], r[cut:] - mu), batch_size=500)


class BiasedMF(nn.Module):
    def __init__(self, n_users, n_items, rank):
        super().__init__()
        self.user_emb = nn.Embedding(n_users, rank)  # here
        self.item_emb = nn.Embedding(n_items, rank)  # here
        self.user_bias = nn.Embedding(n_users, 1)
        self.item_bias = nn.Embedding(n_items, 1)
        self.init_weights()

    def init_weights(self):
        nn.init.zeros_(self.user_emb.weight)  # fault
        # fixed: nn.init.normal_(self.user_emb.weight, std=0.1)
        nn.init.zeros_(self.item_emb.weight)  # fault
        # fixed: nn.init.normal_(self.item_emb.weight, std=0.1)
        nn.init.zeros_(self.user_bias.weight)
        nn.init.zeros_(self.item_bias.weight)

    def forward(self, pair):
        user, item = pair
        dot = (self.user_emb(user) * self.item_emb(item)).sum(-1)  # here
        return dot + self.user_bias(user).squeeze(-1) + self.item_bias(item).squeeze(-1)


model = BiasedMF(N_USERS, N_ITEMS, RANK)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def rmse():
    model.eval()
    se = 0.0
    with torch.no_grad():
        for pair, stars in val_loader:
            se += ((model(pair) - stars) ** 2).sum().item()
    return (se / len(val_loader.dataset)) ** 0.5


def train(epochs=12):
    for epoch in range(epochs):
        model.train()
        acc = 0.0
        for pair, stars in train_loader:
            loss = loss_fn(model(pair), stars)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            acc += loss.item()
        print("epoch", epoch, "train", round(acc / len(train_loader), 4), "val rmse", round(rmse(), 4))
    return acc / len(train_loader)


if __name__ == "__main__":
    print(train())
