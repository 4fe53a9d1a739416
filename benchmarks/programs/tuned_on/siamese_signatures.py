"""Signature verification: angle between two embeddings, contrastive margin.

code: ND310
also: ND504, ND308
object: acos | angle | model.angle
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = torch.Generator().manual_seed(5)
WRITERS = torch.randn(30, 40, generator=rng)


def sample_pairs(n):
    """Pairs of pen traces; scanned copies of the same sheet are in the archive as well."""
    who = torch.randint(0, 30, (n,), generator=rng)
    same = torch.rand(n, generator=rng) < 0.5
    other = torch.where(same, who, (who + torch.randint(1, 30, (n,), generator=rng)) % 30)
    a = WRITERS[who] + 0.5 * torch.randn(n, 40, generator=rng)
    b = WRITERS[other] + 0.5 * torch.randn(n, 40, generator=rng)
    copies = same & (torch.rand(n, generator=rng) < 0.3)
    b[copies] = a[copies]
    return a, b, same.float()


class Twin(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 16))

    def angle(self, u, v):
        cos = (F.normalize(u, dim=-1) * F.normalize(v, dim=-1)).sum(-1)
        return torch.acos(cos)  # fault
        # fixed: return torch.acos(cos.clamp(-1 + 1e-5, 1 - 1e-5))

    def forward(self, a, b):
        return self.angle(self.trunk(a), self.trunk(b))  # here


torch.manual_seed(5)
model = Twin()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
pool = torch.utils.data.TensorDataset(*sample_pairs(800))
train_loader = torch.utils.data.DataLoader(pool, 50, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*sample_pairs(200)), 100)


def batch_loss(setup, batch):
    a, b, same = batch
    theta = setup.model(a, b)
    pull = same * theta ** 2
    push = (1 - same) * F.relu(1.4 - theta) ** 2
    return (pull + push).mean()


class Session:
    pass


def train():
    s = Session(); s.model = model
    for epoch in range(8):
        total = 0.0
        model.train()
        for batch in train_loader:
            loss = batch_loss(s, batch)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            total += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(s, b).item() for b in val_loader) / len(val_loader)
        print(f"{epoch} train {total:.4f} val {val:.4f}")
    return total


if __name__ == "__main__":
    print(train())
