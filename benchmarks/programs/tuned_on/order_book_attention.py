"""Direction of the next mid-price move from ten snapshots of a limit order book.

code: ND306
also:
object: scaled_dot_product_attention | dropout_p | attn | SnapshotAttention | forward
seen: checkup
"""
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from torch.utils.data import DataLoader, TensorDataset


def simulate_book(n: int, seed: int):
    rng = np.random.default_rng(seed)
    pressure = rng.normal(size=(n, 1)) + np.cumsum(0.4 * rng.normal(size=(n, 10)), axis=1)
    bid = pressure[..., None] * rng.uniform(0.5, 1.0, size=(1, 1, 5)) + rng.normal(size=(n, 10, 5))
    ask = -pressure[..., None] * rng.uniform(0.5, 1.0, size=(1, 1, 5)) + rng.normal(size=(n, 10, 5))
    signal = pressure[:, -1] * 0.7 + 0.5 * pressure.mean(1) + 0.3 * rng.normal(size=n)
    move = np.digitize(signal, np.quantile(signal, [1 / 3, 2 / 3]))
    x = np.concatenate([bid, ask], -1)
    return x.astype("float32") / 1.6, move


class SnapshotAttention(nn.Module):
    def __init__(self, dim: int, heads: int, drop: float):
        super().__init__()
        self.heads, self.drop = heads, drop
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.to_qkv(x).chunk(3, -1))
        y = scaled_dot_product_attention(q, k, v, dropout_p=self.drop)  # fault
        # fixed: y = scaled_dot_product_attention(q, k, v, dropout_p=self.drop if self.training else 0.0)
        return self.to_out(y.transpose(1, 2).flatten(2))


class BookModel(nn.Module):
    def __init__(self, dim: int = 32, depth: int = 2):
        super().__init__()
        self.inp = nn.Linear(10, dim)
        self.time = nn.Parameter(0.1 * torch.randn(10, dim))
        self.attn = nn.ModuleList(SnapshotAttention(dim, 4, 0.3) for _ in range(depth))  # here
        self.ff = nn.ModuleList(nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim)) for _ in range(depth))
        self.pre = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        self.out = nn.Linear(dim, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inp(x) + self.time
        for pre, attn, ff in zip(self.pre, self.attn, self.ff):
            h = h + attn(pre(h))  # here
            h = h + ff(h)
        return self.out(h.mean(1))


torch.manual_seed(2024)
x, move = simulate_book(2000, 5)
x, move = torch.from_numpy(x), torch.from_numpy(move)
train_loader = DataLoader(TensorDataset(x[:1600], move[:1600]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1600:], move[1600:]), batch_size=200)
model = BookModel()
loss_fn = cross_entropy
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)


@torch.no_grad()
def validate() -> float:
    model.eval()
    return float(np.mean([loss_fn(model(a), b).item() for a, b in val_loader]))


def train() -> float:
    for epoch in range(5):
        model.train()
        losses = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, float(np.mean(losses)), validate(), validate())
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
