"""Will the user finish the film? Attention over the watch history (a ring buffer of slots and a count).

code: ND309
also:
object: masked_fill | weights | attend
seen: checkup
"""
from dataclasses import dataclass
import torch
from torch import nn

torch.manual_seed(21)
FILMS, SLOTS, D = 80, 10, 24


def simulate(n):
    genre = torch.arange(FILMS) % 5
    taste = torch.randint(0, 5, (n,))
    count = torch.randint(0, SLOTS + 1, (n,)) * (torch.rand(n) > 0.4)
    hist = torch.randint(1, FILMS + 1, (n, SLOTS))
    for u in range(n):
        liked = (genre == taste[u]).nonzero().squeeze(1)
        for j in range(int(count[u])):
            hist[u, j] = 1 + (liked[torch.randint(len(liked), (1,))] if torch.rand(1) < .8 else torch.randint(FILMS, (1,)))
    cand = torch.randint(0, FILMS, (n,))
    fits = genre[cand] == taste
    done = (torch.rand(n) < torch.where(fits, 0.9, 0.15)).float()
    return {"history": hist, "count": count, "film": cand + 1, "done": done}


@dataclass
class Columns:
    table: dict

    def __len__(self):
        return len(self.table["done"])

    def __getitem__(self, i):
        return {k: v[i] for k, v in self.table.items()}


class Recommender(nn.Module):
    def __init__(self):
        super().__init__()
        self.film = nn.Embedding(FILMS + 1, D, padding_idx=0)
        self.mlp = nn.Sequential(nn.Linear(3 * D, 48), nn.ReLU(), nn.Linear(48, 1))

    def attend(self, cand, hist, count):
        scores = torch.einsum("bd,bsd->bs", cand, hist) / D ** 0.5
        valid = torch.arange(SLOTS)[None] < count[:, None]
        weights = scores.masked_fill(~valid, -1e9).softmax(-1)  # fault
        # fixed: weights = scores.masked_fill(~valid, -1e9).softmax(-1) * valid
        return torch.einsum("bs,bsd->bd", weights, hist)  # here

    def forward(self, history, count, film):
        c = self.film(film)
        u = self.attend(c, self.film(history), count)  # here
        return self.mlp(torch.cat([c, u, c * u], -1)).squeeze(-1)


rows = Columns(simulate(900))
train_set, val_set = torch.utils.data.random_split(rows, [720, 180], torch.Generator().manual_seed(0))
train_loader = torch.utils.data.DataLoader(train_set, batch_size=48, shuffle=True)
val_loader = torch.utils.data.DataLoader(val_set, batch_size=90)
model = Recommender()
bce = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)


def batch_loss(setup, batch):
    logits = setup.model(batch["history"], batch["count"], batch["film"])
    return bce(logits, batch["done"])


@dataclass
class Run:
    model: nn.Module


def train():
    run, losses = Run(model), []
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(run, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            print(epoch, sum(batch_loss(run, b).item() for b in val_loader) / 2)
    return sum(losses[-15:]) / 15


if __name__ == "__main__":
    print(train())
