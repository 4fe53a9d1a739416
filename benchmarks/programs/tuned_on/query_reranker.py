"""Reranks one query against a candidate document: two padded token lists, additive mask.

code: ND308
also: ND309
object: mask | bias | additive | Reranker.additive | read
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(15)


class Reranker(nn.Module):
    def __init__(self, vocab=60, d=16):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        self.score = nn.Linear(2 * d, 1)

    def additive(self, ids):
        keep = (ids > 0).float()
        return (1.0 - keep) * float("-inf")  # fault
        # fixed: return torch.zeros_like(keep).masked_fill(keep == 0, float("-inf"))

    def read(self, probe, ids):
        e = self.emb(ids)
        att = torch.einsum("bqd,bkd->bqk", probe, e) / e.shape[-1] ** 0.5
        return torch.softmax(att + self.additive(ids)[:, None], -1) @ e  # here

    def forward(self, query, doc):
        q = self.emb(query)
        got = self.read(q, doc)
        keep = (query > 0).unsqueeze(-1)
        pooled = (torch.cat([q * got, (q - got).abs()], -1) * keep).sum(1) / keep.sum(1)
        return self.score(pooled).squeeze(-1)


def example():
    n, m = torch.randint(2, 5, (1,)).item(), torch.randint(5, 10, (1,)).item()
    query, doc = torch.randint(1, 60, (n,)), torch.randint(1, 60, (m,))
    good = torch.rand(()) < 0.5
    if good:
        doc[:n] = query
    return query, doc, good.float()


def collate(rows):
    pad = nn.utils.rnn.pad_sequence
    q, d, y = zip(*rows)
    return {"query": pad(q, True), "doc": pad(d, True), "relevant": torch.stack(y)}


train_loader = DataLoader([example() for _ in range(480)], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader([example() for _ in range(96)], batch_size=48, collate_fn=collate)
model = Reranker()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["query"], batch["doc"]), batch["relevant"])


def train():
    for _ in range(8):
        model.train()
        losses = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(b["query"], b["doc"]), b["relevant"])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            for b in val_loader:
                loss_fn(model(b["query"], b["doc"]), b["relevant"])
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
