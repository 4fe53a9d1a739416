"""Are two questions the same question? Siamese GRU on synthetic FAQ questions.

code: ND303
also:
object: SiameseGRU | q2 | right | encode
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(17)
N_INTENTS, WORDS_PER_INTENT, FILLER, LENGTH = 8, 6, 20, 9
VOCAB = 1 + N_INTENTS * WORDS_PER_INTENT + FILLER


def ask(intent, g):
    """A question: three or four words of its intent between fillers, padded with 0."""
    core = 1 + intent * WORDS_PER_INTENT + g.choice(WORDS_PER_INTENT, 4, replace=False)
    filler = 1 + N_INTENTS * WORDS_PER_INTENT + g.integers(0, FILLER, g.integers(2, 6))
    q = np.concatenate([core, filler])
    g.shuffle(q)
    return np.pad(q, (0, LENGTH - len(q)))


class QuestionPairs(Dataset):
    def __init__(self, n, seed):
        g = np.random.default_rng(seed)
        self.rows = []
        for _ in range(n):
            i = g.integers(N_INTENTS)
            duplicate = g.random() < 0.5
            j = i if duplicate else (i + g.integers(1, N_INTENTS)) % N_INTENTS
            self.rows.append((ask(i, g), ask(j, g), float(duplicate)))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        q1, q2, same = self.rows[k]
        return {"q1": torch.as_tensor(q1), "q2": torch.as_tensor(q2), "is_duplicate": torch.tensor(same)}


class SiameseGRU(nn.Module):
    def __init__(self, dim=24, hidden=32):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, dim, padding_idx=0)
        self.gru = nn.GRU(dim, hidden, batch_first=True)
        self.out = nn.Sequential(nn.Linear(4 * hidden, 32), nn.ReLU(), nn.Linear(32, 1))

    def encode(self, q):
        states, _ = self.gru(self.emb(q))
        mask = (q != 0).unsqueeze(-1)
        return states.masked_fill(~mask, -1e4).amax(1)

    def forward(self, q1, q2):
        left = self.encode(q1)
        right = self.encode(q1)  # fault
        # fixed: right = self.encode(q2)
        pair = torch.cat([left, right, (left - right).abs(), left * right], dim=1)  # here
        return self.out(pair).squeeze(1)


train_loader = DataLoader(QuestionPairs(800, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(QuestionPairs(200, 2), batch_size=100)
model = SiameseGRU()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.BCEWithLogitsLoss()


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["q1"], batch["q2"]), batch["is_duplicate"])  # here


def train(epochs=7):
    for epoch in range(epochs):
        model.train()
        running = []
        for batch in train_loader:
            logits = model(batch["q1"], batch["q2"])
            loss = loss_fn(logits, batch["is_duplicate"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(b["q1"], b["q2"]) > 0) == (b["is_duplicate"] > .5) for b in val_loader]).float().mean()
        print(f"epoch {epoch} loss {np.mean(running):.4f} val_acc {acc:.3f}")
    return float(np.mean(running))


if __name__ == "__main__":
    print(train())
