"""Happy or unhappy customer? An LSTM-free bag model over reviews of books, tents, lamps and kettles.

code: ND115
also:
object: held_out | reviews | product | val_loader | kettle | val_rows
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(19)
torch.manual_seed(19)
WORDS = {
    "book": ("gripping moving witty wise thrilling", "boring flat wordy confusing predictable"),
    "tent": ("roomy dry sturdy light airy", "leaky torn flimsy heavy cramped"),
    "lamp": ("bright elegant dimmable stable cosy", "flickering dim wobbly glaring dark"),
    "kettle": ("silent quick insulated handy polished", "rusty slow scalding loud dripping"),
}
FILLER = "i bought this for my sister and it came on monday in a box".split()


def write(product, happy):
    good, bad = (w.split() for w in WORDS[product])
    main, rest = (good, bad) if happy else (bad, good)
    words = list(rng.choice(main, 3)) + list(rng.choice(rest, 1)) + list(rng.choice(FILLER, 4)) + [product]
    rng.shuffle(words)
    return words


reviews = pd.DataFrame({"product": rng.choice(list(WORDS), 1000), "happy": rng.integers(0, 2, 1000)})
reviews["words"] = [write(p, h) for p, h in zip(reviews["product"], reviews["happy"])]
vocab = {w: i for i, w in enumerate(sorted({w for row in reviews.words for w in row}))}

held_out = (reviews["product"] == "kettle").to_numpy()  # fault
# fixed: held_out = rng.random(len(reviews)) < 0.25
train_rows, val_rows = reviews[~held_out], reviews[held_out]  # here


def to_set(rows):
    ids = torch.tensor([[vocab[w] for w in r] for r in rows.words])
    return TensorDataset(ids, torch.tensor(rows.happy.to_numpy(), dtype=torch.float32))


train_loader = DataLoader(to_set(train_rows), batch_size=25, shuffle=True)
val_loader = DataLoader(to_set(val_rows), batch_size=64)  # here


class BagModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(len(vocab), 12, mode="mean")
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(12, 1))

    def forward(self, ids):
        return self.head(self.bag(ids)).squeeze(1)


model = BagModel()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def train():
    for epoch in range(10):
        model.train()
        for ids, happy in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), happy)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum(((model(i) > 0) == (h > 0.5)).sum().item() for i, h in val_loader)
    print(f"loss {loss.item():.3f} val acc {hits / len(val_rows):.3f}")


if __name__ == "__main__":
    train()
