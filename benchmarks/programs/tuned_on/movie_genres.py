"""Several genres per film from the words of its plot (multi-label, EmbeddingBag).

code: ND401
also:
object: sigmoid | forward | loss_fn | genres
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(101)
GENRES, VOCAB, WORDS = 6, 200, 24


class Plots(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.tags = (torch.rand(n, GENRES, generator=g) < 0.3).float()
        self.plots = torch.randint(GENRES * 10, VOCAB, (n, WORDS), generator=g)
        for i in range(n):
            for k in self.tags[i].nonzero().flatten().tolist():
                at = torch.randperm(WORDS, generator=g)[:3]
                self.plots[i, at] = torch.randint(k * 10, k * 10 + 10, (3,), generator=g)

    def __len__(self):
        return len(self.tags)

    def __getitem__(self, i):
        return {"words": self.plots[i], "tags": self.tags[i]}


class GenreTagger(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.bag = nn.EmbeddingBag(VOCAB, dim, mode="sum")
        nn.init.normal_(self.bag.weight, std=0.1)
        self.hidden = nn.Linear(dim, 48)
        self.genres = nn.Linear(48, GENRES)

    def forward(self, words):
        scores = self.genres(torch.relu(self.hidden(self.bag(words))))
        return torch.sigmoid(scores)  # fault
        # fixed: return scores


class Fit:
    def __init__(self, epochs):
        self.epochs = epochs

    def step(self, batch):
        optimizer.zero_grad()
        loss = batch_loss(self, batch)
        loss.backward()
        optimizer.step()
        return loss.item()

    def run(self):
        self.model = model
        for epoch in range(self.epochs):
            model.train()
            losses = [self.step(b) for b in train_loader]
            model.eval()
            with torch.no_grad():
                val = [batch_loss(self, b).item() for b in val_loader]
            print(epoch, sum(losses) / len(losses), sum(val) / len(val))
        return sum(losses) / len(losses)


train_loader = DataLoader(Plots(800, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(Plots(200, 1), batch_size=100)
model = GenreTagger()
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["words"]), batch["tags"])  # here


def train():
    return Fit(epochs=10).run()


if __name__ == "__main__":
    print(train())
