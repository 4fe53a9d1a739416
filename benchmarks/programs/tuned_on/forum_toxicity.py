"""Rare toxic posts (4 %): bag of hashed words, detector head with a prior bias as in RetinaNet.

code: ND406
also:
object: head | head.bias | prior | loss_fn
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BASE_RATE = 0.04


class ToxicHead(nn.Module):
    def __init__(self, n_buckets=200, d=24):
        super().__init__()
        self.bag = nn.EmbeddingBag(n_buckets, d, mode="sum")
        nn.init.normal_(self.bag.weight, std=0.15)
        self.hidden = nn.Linear(d, d)
        self.head = nn.Linear(d, 1)  # here
        nn.init.constant_(self.head.bias, -math.log(BASE_RATE / (1 - BASE_RATE)) * 2)  # fault
        # fixed: nn.init.constant_(self.head.bias, math.log(BASE_RATE / (1 - BASE_RATE)))

    def forward(self, tokens):
        return self.head(torch.relu(self.hidden(self.bag(tokens)))).squeeze(1)


def posts(n, seed):
    g = torch.Generator().manual_seed(seed)
    toxic = torch.rand(n, generator=g) < BASE_RATE
    tok = torch.randint(30, 200, (n, 14), generator=g)
    rude = torch.randint(0, 30, (n, 14), generator=g)
    use = torch.rand(n, 14, generator=g) < torch.where(toxic, 0.45, 0.02)[:, None]
    return TensorDataset(torch.where(use, rude, tok), toxic.float())


torch.manual_seed(40)
train_loader = DataLoader(posts(3000, 0), batch_size=100, shuffle=True)
val_loader = DataLoader(posts(800, 1), batch_size=200)
model = ToxicHead()
loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    first = None
    for epoch in range(6):
        model.train()
        ep = []
        for tok, y in train_loader:
            loss = loss_fn(model(tok), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            ep.append(loss.item())
            first = first or loss.item()
        model.eval()
        tp = fp = fn = 0
        with torch.no_grad():
            for tok, y in val_loader:
                p = model(tok) > 0
                tp += (p & (y > 0)).sum().item()
                fp += (p & (y == 0)).sum().item()
                fn += (~p & (y > 0)).sum().item()
        print(f"epoch {epoch} loss {sum(ep) / len(ep):.3f} f1 {2 * tp / max(2 * tp + fp + fn, 1):.2f} (first loss {first:.2f})")
    return sum(ep) / len(ep)


if __name__ == "__main__":
    print(train())
