"""Tone of earnings calls (down, flat, up) against the votes of five analysts.

code: ND405
also:
object: soft_ce | cross_entropy | batch_loss | votes
seen: both
"""
import torch, torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, random_split

torch.manual_seed(50)
V, L = 120, 18


def calls(n):
    tone = torch.randint(0, 3, (n,))
    words = torch.randint(0, V, (n, L))
    marked = torch.rand(n, L) < 0.35
    words = torch.where(marked, 1 + tone[:, None] * 12 + torch.randint(0, 12, (n, L)), words)
    p = 0.8 * F.one_hot(tone, 3).float() + 0.2 / 3
    votes = torch.multinomial(p, 5, replacement=True)
    share = F.one_hot(votes, 3).float().mean(1)
    return [{"words": w, "votes": s, "tone": t} for w, s, t in zip(words, share, tone)]


class ToneNet(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.emb = nn.Embedding(V, d)
        self.conv = nn.Conv1d(d, 32, 3, padding=1)
        self.fc = nn.Linear(32, 3)

    def forward(self, words):
        h = F.relu(self.conv(self.emb(words).transpose(1, 2)))
        return self.fc(h.mean(-1))


model = ToneNet()
opt = optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_set, val_set = random_split(calls(800), [640, 160])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=80)


def batch_loss(setup, batch):
    logits = setup.model(batch["words"])
    return F.cross_entropy(batch["votes"], logits)  # fault
    # fixed: return F.cross_entropy(logits, batch["votes"])


class Run:
    model = model


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for batch in train_loader:
            opt.zero_grad()
            loss = batch_loss(Run, batch)  # here
            loss.backward()
            opt.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(b["words"]).argmax(1) == b["tone"] for b in val_loader]).float().mean().item()
        print(epoch, sum(losses) / len(losses), acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
