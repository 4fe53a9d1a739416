"""Predicts the blood pressure at every next visit of a patient; patients have 2 to 14 visits.

code: ND113
also:
object: loss | masked_mse | targets | lengths | batch_loss
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader


def patient(rng):
    n = rng.integers(2, 15) if rng.random() < 0.3 else rng.integers(2, 5)
    drug = rng.random(n) < 0.5
    base, bp, rows = rng.normal(1.2, 0.5), 0.0, []
    bp = base
    for d in drug:
        nxt = base + 0.7 * (bp - base) - 0.8 * d + rng.normal(0, 0.1)
        rows.append((bp, float(d) - 0.5, nxt))
        bp = nxt
    rows = torch.tensor(rows, dtype=torch.float32)
    return {"visit": rows[:, :2], "next_bp": rows[:, 2]}


def collate(patients):
    return {"visit": pad_sequence([p["visit"] for p in patients], True),
            "next_bp": pad_sequence([p["next_bp"] for p in patients], True),  # here
            "lengths": torch.tensor([len(p["visit"]) for p in patients])}


class VisitGRU(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.inp = nn.Linear(2, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.bp = nn.Linear(hidden, 1)

    def forward(self, visit, lengths):
        packed = pack_padded_sequence(torch.tanh(self.inp(visit)), lengths, batch_first=True, enforce_sorted=False)
        h, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        return self.bp(h).squeeze(-1)


def batch_loss(setup, batch):
    out = setup.model(batch["visit"], batch["lengths"])
    error = (out - batch["next_bp"]) ** 2
    loss = error.mean()  # fault
    # fixed: mask = torch.arange(error.shape[1]) < batch["lengths"][:, None]
    # fixed: loss = error[mask].mean()
    return loss  # here


rng = np.random.default_rng(5)
train_loader = DataLoader([patient(rng) for _ in range(480)], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader([patient(rng) for _ in range(120)], batch_size=60, collate_fn=collate)
torch.manual_seed(5)
model = VisitGRU()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def run(self, epochs):
        for epoch in range(epochs):
            self.model.train()
            mean = 0.0
            for batch in train_loader:
                self.optimizer.zero_grad()
                loss = batch_loss(self, batch)
                loss.backward()
                self.optimizer.step()
                mean += loss.item() / len(train_loader)
            if epoch % 3 == 2:
                print(f"epoch {epoch}: {mean:.4f}, mmHg-ish error per real visit {self.real_error():.4f}")
        return mean

    @torch.no_grad()
    def real_error(self):
        self.model.eval()
        e = [(self.model(b["visit"], b["lengths"])[i, :n] - b["next_bp"][i, :n]).abs()
             for b in val_loader for i, n in enumerate(b["lengths"])]
        return torch.cat(e).mean().item()


def train():
    return Trainer(model, optimizer).run(9)


if __name__ == "__main__":
    print(train())
