"""Matrix factorisation of record ratings, with the optimizer of exercise 4 (write RMSprop yourself).

code: ND709
also:
object: MyRMSprop | optimizer | step | users | records
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(33)
N_USERS, N_RECORDS, RANK = 120, 80, 6


def collect_ratings(n=4000):
    g = torch.Generator().manual_seed(33)
    taste, style = torch.randn(N_USERS, 3, generator=g), torch.randn(N_RECORDS, 3, generator=g)
    pairs = torch.randperm(N_USERS * N_RECORDS, generator=g)[:n]
    u, r = pairs // N_RECORDS, pairs % N_RECORDS
    stars = 3 + 0.7 * (taste[u] * style[r]).sum(1) + 0.3 * torch.randn(n, generator=g)
    return u, r, stars.clamp(1, 5)


u, r, stars = collect_ratings()
train_loader = DataLoader(TensorDataset(u[:3400], r[:3400], stars[:3400]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(u[3400:], r[3400:], stars[3400:]), batch_size=600)


class MyRMSprop(torch.optim.Optimizer):
    """v <- a v + (1 - a) g^2,  w <- w - lr g / (sqrt(v) + eps)"""

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8):
        super().__init__(params, dict(lr=lr, alpha=alpha, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["v"] = torch.zeros_like(p)
                v = state["v"]
                v.mul_(group["alpha"]).addcmul_(p.grad, p.grad, value=1 - group["alpha"])
                p -= group["lr"] * p.grad / v.sqrt()  # fault
                # fixed: p -= group["lr"] * p.grad / (v.sqrt() + group["eps"])


class Factorisation(nn.Module):
    def __init__(self):
        super().__init__()
        self.users = nn.Embedding(N_USERS, RANK)
        self.records = nn.Embedding(N_RECORDS, RANK)
        self.user_bias = nn.Embedding(N_USERS, 1)
        self.record_bias = nn.Embedding(N_RECORDS, 1)
        for table in (self.users, self.records, self.user_bias, self.record_bias):
            nn.init.normal_(table.weight, std=0.1)
        self.mean = nn.Parameter(torch.tensor(3.0))

    def forward(self, user, record):
        dot = (self.users(user) * self.records(record)).sum(1)
        return self.mean + dot + self.user_bias(user).squeeze(1) + self.record_bias(record).squeeze(1)


model = Factorisation()
loss_fn = nn.MSELoss()
optimizer = MyRMSprop(model.parameters(), lr=0.005)  # here


def batch_loss(setup, batch):
    user, record, y = batch
    return loss_fn(setup.model(user, record), y)


def train(epochs=12):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for user, record, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(user, record), y)
            loss.backward()
            optimizer.step()  # here
            total += loss.item() * len(y)
        model.eval()
        with torch.no_grad():
            user, record, y = next(iter(val_loader))
            rmse = loss_fn(model(user, record), y).sqrt().item()
        if epoch % 3 == 2:
            print(f"epoch {epoch + 1}: train mse {total / 3400:.4f} val rmse {rmse:.4f}")
    return total / 3400


if __name__ == "__main__":
    print(train())
