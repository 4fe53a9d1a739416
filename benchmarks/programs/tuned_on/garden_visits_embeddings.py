"""Will this bird come to this garden? Scores from vectors of birds and gardens.

code: ND201
also:
object: birds | gardens | constant_ | fill_ | weight | Embedding
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(23)
BIRDS, GARDENS, K = 60, 70, 5
likes, offers = torch.randn(BIRDS, K), torch.randn(GARDENS, K)
b, g = torch.randint(0, BIRDS, (4800,)), torch.randint(0, GARDENS, (4800,))
came = ((likes[b] * offers[g]).sum(1) > 0).float()
train_loader = DataLoader(TensorDataset(b[:4000], g[:4000], came[:4000]), batch_size=100, shuffle=True)
val_loader = DataLoader(TensorDataset(b[4000:], g[4000:], came[4000:]), batch_size=200)


class Visits(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.birds = nn.Embedding(BIRDS, dim)
        self.gardens = nn.Embedding(GARDENS, dim)
        with torch.no_grad():
            self.birds.weight.fill_(0.1)  # fault
            # fixed: self.birds.weight.normal_(0, 0.3)
            self.gardens.weight.fill_(0.1)  # fault
            # fixed: self.gardens.weight.normal_(0, 0.3)

    def forward(self, b, g):
        return torch.einsum("nd,nd->n", self.birds(b), self.gardens(g))


model = Visits()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    b, g, came = batch
    return F.binary_cross_entropy_with_logits(model(b, g), came)


def train():
    for epoch in range(12):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = torch.cat([(model(b, g) > 0) == (c > 0.5) for b, g, c in val_loader])
    print("val accuracy %.3f" % ok.float().mean().item())


if __name__ == "__main__":
    train()
