"""Next-note model for folk-like melodies of 64 notes; the score is the likelihood of the whole tune.

code: ND311
also: ND308, ND310
object: prod | likelihood | tune_likelihood | loss_fn
seen: checkup
"""
import torch
from torch import nn

torch.manual_seed(33)
NOTES, LENGTH = 12, 64
STEPS = torch.tensor([-2, -1, 1, 2, 4])


def tunes(n):
    out = torch.zeros(n, LENGTH + 1, dtype=torch.long)
    out[:, 0] = torch.randint(0, NOTES, (n,))
    for t in range(LENGTH):
        move = STEPS[torch.multinomial(torch.tensor([0.1, 0.3, 0.4, 0.1, 0.1]), n, replacement=True)]
        out[:, t + 1] = (out[:, t] + move) % NOTES
    return out


class NoteLM(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(NOTES, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.next = nn.Linear(width, NOTES)

    def forward(self, notes):
        h, _ = self.gru(self.embed(notes))
        return self.next(h)


def tune_likelihood(logits, notes):
    """Minus log likelihood of a tune, per note."""
    p = logits.softmax(-1).gather(-1, notes.unsqueeze(-1)).squeeze(-1)
    return -(p.prod(dim=1).log() / notes.shape[1]).mean()  # fault
    # fixed: return nn.functional.cross_entropy(logits.transpose(1, 2), notes)


train_tunes, val_tunes = tunes(400), tunes(100)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(train_tunes[:, :-1], train_tunes[:, 1:]), batch_size=20, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(val_tunes[:, :-1], val_tunes[:, 1:]), batch_size=50)
model = NoteLM()
loss_fn = tune_likelihood  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(4):
        model.train()
        running = []
        for notes, following in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(notes), following)  # here
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            running.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
        print(f"epoch {epoch} nll/note {sum(running) / len(running):.3f} val {val:.3f}")
    return sum(running) / len(running)


if __name__ == "__main__":
    print(train())
