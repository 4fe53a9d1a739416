"""Which of two log windows came later in an incident?  One tower scores both; data comes as a stream.

code: none
trait: iterable dataset without len, the same tower called twice per step, odd last batch, gradient accumulation
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

EVENTS, WINDOW = 20, 40


class IncidentPairs(IterableDataset):
    """Endless in principle; one pass gives `n` pairs, fresh ones each time for training."""

    def __init__(self, n, seed=None):
        self.n, self.seed = n, seed

    def window(self, severity, g):
        p = torch.full((EVENTS,), 1.0)
        p[:4] += 12 * severity
        return torch.multinomial(p, WINDOW, replacement=True, generator=g)

    def __iter__(self):
        g = torch.Generator()
        g.manual_seed(self.seed if self.seed is not None else int(torch.randint(2 ** 31, ())))
        for _ in range(self.n):
            s = torch.rand(2, generator=g)
            yield self.window(s[0], g), self.window(s[1], g), (s[1] > s[0]).float()


class Severity(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.table = nn.EmbeddingBag(EVENTS, dim, mode="mean")
        self.score = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, window):
        return self.score(self.table(window)).squeeze(-1)


class Ranker(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = Severity()

    def forward(self, first, second):
        return self.tower(second) - self.tower(first)


torch.manual_seed(40)
train_loader = DataLoader(IncidentPairs(500), batch_size=16)
val_loader = DataLoader(IncidentPairs(200, seed=123456), batch_size=64)
model = Ranker()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
ACCUMULATE = 2


def batch_loss(setup, batch):
    first, second, later = batch
    return loss_fn(setup.model(first, second), later)


def train(rounds=6):
    for r in range(rounds):
        model.train()
        losses = []
        optimizer.zero_grad()
        for step, (first, second, later) in enumerate(train_loader, 1):
            loss = loss_fn(model(first, second), later)
            (loss / ACCUMULATE).backward()
            if step % ACCUMULATE == 0:
                optimizer.step()
                optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = [((model(a, b) > 0) == (y > 0.5)).float() for a, b, y in val_loader]
        print(f"round {r}: loss {sum(losses) / len(losses):.4f}, order right {torch.cat(hits).mean():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
