"""Recipe tags (several per dish) from the set of ingredients.

code: ND404
also: ND401
object: loss_fn | criterion | CrossEntropyLoss
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import Dataset, DataLoader

rng = np.random.default_rng(77)
torch.manual_seed(77)

TAGS = ["vegan", "spicy", "quick", "dessert", "italian", "asian"]
N_ING, MAX_ING = 60, 12
# every tag likes ten ingredients of its own
likes = rng.permutation(N_ING).reshape(6, 10)


class RecipeDataset(Dataset):
    def __init__(self, n):
        self.sets, self.tags = [], []
        for _ in range(n):
            tags = (rng.random(6) < 0.35).astype(np.float32)
            ing = list(rng.choice(N_ING, 3, replace=False))
            for t in np.flatnonzero(tags):
                ing += list(rng.choice(likes[t], rng.integers(1, 4), replace=False))
            ing = list(dict.fromkeys(ing))[:MAX_ING]
            self.sets.append([i + 1 for i in ing] + [0] * (MAX_ING - len(ing)))
            self.tags.append(tags)

    def __len__(self):
        return len(self.sets)

    def __getitem__(self, i):
        return torch.tensor(self.sets[i]), torch.from_numpy(self.tags[i])


class DeepSet(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.emb = nn.Embedding(N_ING + 1, dim, padding_idx=0)
        self.phi = nn.Sequential(nn.Linear(dim, dim), nn.ReLU())
        self.rho = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, len(TAGS)))

    def forward(self, ids):
        mask = (ids > 0).unsqueeze(-1)
        h = (self.phi(self.emb(ids)) * mask).sum(1)
        return self.rho(h / 4)


train_loader = DataLoader(RecipeDataset(1000), batch_size=50, shuffle=True)
val_loader = DataLoader(RecipeDataset(200), batch_size=100)

model = DeepSet()
criterion = nn.CrossEntropyLoss()  # fault
# fixed: criterion = nn.BCEWithLogitsLoss()
loss_fn = criterion
optimizer = optim.Adam(model.parameters(), lr=3e-3)


def f1():
    model.eval()
    tp = fp = fn = 0
    with torch.no_grad():
        for ids, tags in val_loader:
            p = torch.sigmoid(model(ids)) > 0.5
            t = tags > 0.5
            tp += (p & t).sum().item()
            fp += (p & ~t).sum().item()
            fn += (~p & t).sum().item()
    return 2 * tp / max(1, 2 * tp + fp + fn)


def train():
    for epoch in range(8):
        model.train()
        epoch_loss = []
        for ids, tags in train_loader:
            optimizer.zero_grad()
            logits = model(ids)
            loss = criterion(logits, tags)  # here
            loss.backward()
            optimizer.step()
            epoch_loss.append(loss.item())
        print(f"epoch {epoch} loss {np.mean(epoch_loss):.4f} micro-F1 {f1():.4f}")
    return float(np.mean(epoch_loss))


if __name__ == "__main__":
    print(train())
