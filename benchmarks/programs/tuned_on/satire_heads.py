"""Satire or news? Multi-head attention pooling over headline tokens.

code: ND304
also:
object: attention | pool | scores | weights | pool.attention
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class HeadPool(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.query = nn.Parameter(torch.randn(heads, d) * d ** -0.5)

    def forward(self, x):
        scores = torch.einsum("btd,hd->bht", x, self.query)
        weights = scores.softmax(dim=1)  # fault
        # fixed: weights = scores.softmax(dim=-1)
        return torch.einsum("bht,btd->bhd", weights, x).flatten(1)


class Headline(nn.Module):
    def __init__(self, vocab=80, d=16, heads=3):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.pool = HeadPool(d, heads)  # here
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(d * heads, 1)

    def forward(self, ids):
        return self.fc(self.drop(self.pool(self.emb(ids)))).squeeze(1)


torch.manual_seed(33)
ids = torch.randint(4, 80, (700, 14))
y = torch.randint(0, 2, (700,))
cue = torch.randint(0, 2, (700,)) + 2 * y
ids[torch.arange(700), torch.randint(0, 14, (700,))] = cue
train_loader = DataLoader(TensorDataset(ids[:560], y[:560].float()), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(ids[560:], y[560:].float()), batch_size=140)
model = Headline()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(6):
        model.train()
        ls = []
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = [((model(x) > 0) == (t > 0)).float().mean().item() for x, t in val_loader]
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())
