"""Ranks the hotels of a search: ListNet over lists of ten, some lists shorter.

code: none
trait: log-softmax over dimension 1 (the list), padded hotels at -inf, a loss whose floor is the entropy of the targets, a head bias without gradient, an odd last batch
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

HOTELS, FEATURES = 10, 9


class Searches(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.searches = []
        for _ in range(n):
            shown = int(torch.randint(4, HOTELS + 1, (1,), generator=g))
            hotels = torch.randn(HOTELS, FEATURES, generator=g)
            utility = 1.2 * hotels[:, 0] - 0.8 * hotels[:, 1].abs() + 0.7 * hotels[:, 2] * hotels[:, 3]
            grade = (utility + 0.3 * torch.randn(HOTELS, generator=g)).round().clamp(-2, 3)
            real = torch.arange(HOTELS) < shown
            self.searches.append((hotels * real[:, None], {"grade": grade, "real": real}))

    def __len__(self):
        return len(self.searches)

    def __getitem__(self, i):
        return self.searches[i]


class Scorer(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(FEATURES, 48), nn.SiLU(), nn.Linear(48, 24), nn.SiLU(), nn.Linear(24, 1))

    def forward(self, hotels):
        return self.score(hotels).squeeze(-1)


def loss_fn(scores, targets):
    real, grade = targets["real"], targets["grade"]
    wanted = F.softmax(grade.masked_fill(~real, float("-inf")), dim=1)
    said = F.log_softmax(scores.masked_fill(~real, float("-inf")), dim=1)
    return -(wanted * said.masked_fill(~real, 0.0)).sum(1).mean()


torch.manual_seed(70)
train_loader = DataLoader(Searches(610, seed=1), batch_size=32, shuffle=True)
val_loader = DataLoader(Searches(150, seed=2), batch_size=75)
model = Scorer()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


@torch.no_grad()
def best_first():
    model.eval()
    hits = []
    for hotels, targets in val_loader:
        top = model(hotels).masked_fill(~targets["real"], float("-inf")).argmax(1, keepdim=True)
        grades = targets["grade"].masked_fill(~targets["real"], float("-inf"))
        hits.append(grades.gather(1, top).squeeze(1) == grades.amax(1))
    model.train()
    return torch.cat(hits).float().mean().item()


def train():
    for epoch in range(10):
        total, seen = 0.0, 0
        for hotels, targets in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(hotels), targets)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(hotels)
            seen += len(hotels)
        print(f"epoch {epoch}: listnet {total / seen:.4f}  best hotel first {best_first():.3f}")
    return total / seen


if __name__ == "__main__":
    print(train())
