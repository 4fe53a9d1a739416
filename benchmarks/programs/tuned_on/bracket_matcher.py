"""Points from each closing bracket to its partner; other positions have nothing to point at.

code: none
trait: -inf masks with fully masked rows that are set aside, a where over logs, targets of -100
"""
import random
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

random.seed(104)
torch.manual_seed(104)
L = 16


def sample():
    text, stack, partner = [], [], []
    for i in range(L):
        room = L - i
        if stack and (len(stack) >= room or random.random() < 0.4):
            kind, j = stack.pop()
            text.append(2 + kind); partner.append(j)
        elif len(stack) + 2 <= room and random.random() < 0.6:
            kind = random.randrange(2)
            stack.append((kind, i)); text.append(kind); partner.append(-100)
        else:
            text.append(4); partner.append(-100)
    return torch.tensor(text), torch.tensor(partner)


class Pointer(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(5, d)
        self.rnn = nn.LSTM(d, d, batch_first=True, bidirectional=True)
        self.q, self.k = nn.Linear(2 * d, d), nn.Linear(2 * d, d)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        scores = self.q(h) @ self.k(h).transpose(1, 2) / 32 ** 0.5
        closing, opening = (ids >= 2) & (ids < 4), ids < 2
        earlier = torch.ones(L, L, dtype=torch.bool).tril(-1)
        legal = closing[:, :, None] & opening[:, None, :] & earlier
        return scores.masked_fill(~legal, float("-inf")).masked_fill(~legal.any(-1, keepdim=True), 0.0)


def loss_fn(scores, partner):
    return F.cross_entropy(scores.flatten(0, 1), partner.flatten(), ignore_index=-100)


model = Pointer()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
rows = list({tuple(r[0].tolist()): r for r in (sample() for _ in range(700))}.values())
train_loader = DataLoader(rows[:500], batch_size=25, shuffle=True)
val_loader = DataLoader(rows[500:], batch_size=50)


def train():
    for epoch in range(8):
        model.train()
        for ids, partner in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), partner)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(i), p).item() for i, p in val_loader) / len(val_loader)
        print(epoch, loss.item(), val)
    return loss.item()


if __name__ == "__main__":
    print(train())
