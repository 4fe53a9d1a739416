"""Film ratings by factorisation: sparse embeddings with SparseAdam, biases with Adam.

code: none
trait: sparse gradients, two optimizers, rows without gradient in most steps, a product of embeddings with no activation
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)
USERS, FILMS, K = 80, 120, 6
taste, trait = torch.randn(USERS, 3), torch.randn(FILMS, 3)
pairs = torch.randperm(USERS * FILMS)[:5000]
u, f = pairs // FILMS, pairs % FILMS
r = (taste[u] * trait[f]).sum(1) * 0.5 + 0.1 * torch.randn(len(u))
r = (r - r[:4200].mean()) / r[:4200].std()
ids = torch.stack([u, f], 1)
train_loader = DataLoader(TensorDataset(ids[:4200], r[:4200]), batch_size=140, shuffle=True)
val_loader = DataLoader(TensorDataset(ids[4200:], r[4200:]), batch_size=400)


class MF(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.film = nn.Embedding(USERS, K, sparse=True), nn.Embedding(FILMS, K, sparse=True)
        nn.init.normal_(self.user.weight, std=0.3)
        nn.init.normal_(self.film.weight, std=0.3)
        self.user_bias, self.film_bias = nn.Parameter(torch.zeros(USERS)), nn.Parameter(torch.zeros(FILMS))

    def forward(self, ids):
        a, b = ids[:, 0], ids[:, 1]
        return (self.user(a) * self.film(b)).sum(1) + self.user_bias[a] + self.film_bias[b]


model = MF()
loss_fn = nn.MSELoss()
optimizer = (torch.optim.SparseAdam([model.user.weight, model.film.weight], lr=0.02),
             torch.optim.Adam([model.user_bias, model.film_bias], lr=0.01))


def train():
    for epoch in range(12):
        model.train()
        s = 0.0
        for x, y in train_loader:
            for o in optimizer:
                o.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            for o in optimizer:
                o.step()
            s += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(epoch, round(s, 4), round(v, 4))
    return s


if __name__ == "__main__":
    print(train())
