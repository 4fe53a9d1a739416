"""Stars (1-5, ordinal as regression) of product reviews with a bidirectional GRU.

code: ND306
also:
object: forward | dropout | F.dropout | StarGRU | model
seen: checkup
"""
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence
from torch.utils.data import DataLoader

random.seed(8)
torch.manual_seed(8)

WORDS = {"awful": -2, "bad": -1, "broken": -1.5, "poor": -1, "okay": 0, "fine": .4, "good": 1, "great": 1.6, "perfect": 2,
         "the": 0, "battery": 0, "screen": 0, "it": 0, "is": 0, "was": 0, "box": 0, "and": 0, "this": 0, "not": None}
VOCAB = {w: i + 1 for i, w in enumerate(WORDS)}


def review():
    n = random.randint(4, 18)
    ws = random.choices(list(WORDS), k=n)
    score, flip = 0.0, 1
    for w in ws:
        if w == "not":
            flip = -1
        else:
            score += flip * WORDS[w]
            if WORDS[w]:
                flip = 1
    return [VOCAB[w] for w in ws], max(1.0, min(5.0, 3 + score * 0.6))


def collate(items):
    ids = pad_sequence([torch.tensor(i) for i, _ in items], batch_first=True)
    lengths = torch.tensor([len(i) for i, _ in items])
    return ids, lengths, torch.tensor([(s - 3) / 1.3 for _, s in items])


data = [review() for _ in range(1000)]
train_loader = DataLoader(data[:800], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(data[800:], batch_size=100, collate_fn=collate)


class StarGRU(nn.Module):
    def __init__(self, vocab, emb=24, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb, padding_idx=0)
        self.gru = nn.GRU(emb, hidden, batch_first=True, bidirectional=True)
        self.fc1 = nn.Linear(2 * hidden, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, ids, lengths):
        e = self.embedding(ids)
        packed = pack_padded_sequence(e, lengths, batch_first=True, enforce_sorted=False)
        _, h = self.gru(packed)
        h = torch.cat([h[0], h[1]], dim=1)
        h = F.relu(self.fc1(h))
        h = F.dropout(h, 0.3)  # fault
        # fixed: h = F.dropout(h, 0.3, training=self.training)
        return self.fc2(h).squeeze(1)


model = StarGRU(len(VOCAB) + 1)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    ids, lengths, stars = batch
    return loss_fn(setup.model(ids, lengths), stars)


def train():
    for epoch in range(5):
        model.train()
        total = 0
        for ids, lengths, stars in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids, lengths), stars)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(i, l), s).item() for i, l, s in val_loader) / len(val_loader)
        print(f"epoch {epoch + 1} train mse {total / len(train_loader):.3f} val mse {val:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
