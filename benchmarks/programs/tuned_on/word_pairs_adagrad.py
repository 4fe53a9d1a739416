"""Do two words of an invented language share their gender? Embeddings learnt from pairs.

code: ND705
also: ND605
object: optimizer | Adagrad | lr_decay | lr | loss
seen: watch
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

WORDS, GROUPS = 120, 2
rng = np.random.default_rng(44)
group_of = rng.integers(0, GROUPS, WORDS)


class Pairs(Dataset):
    def __init__(self, rows):
        self.pair = torch.tensor(rows)
        self.same = torch.tensor(group_of[rows[:, 0]] == group_of[rows[:, 1]]).float()

    def __len__(self):
        return len(self.pair)

    def __getitem__(self, i):
        return self.pair[i], self.same[i]


every = np.stack(np.triu_indices(WORDS, 1), 1)          # each pair of words once
alike = group_of[every[:, 0]] == group_of[every[:, 1]]
chosen = np.concatenate([rng.choice(np.flatnonzero(alike == s), 3300, replace=False) for s in (True, False)])
chosen = every[rng.permutation(chosen)]


class PairNet(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.words = nn.Embedding(WORDS, dim)
        self.judge = nn.Sequential(nn.Linear(3 * dim, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, pair):
        a, b = self.words(pair).unbind(1)
        return self.judge(torch.cat([a, b, a * b], 1)).squeeze(1)


torch.manual_seed(44)
train_loader = DataLoader(Pairs(chosen[:6200]), batch_size=50, shuffle=True)
val_loader = DataLoader(Pairs(chosen[6200:]), batch_size=100)
model = PairNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1, lr_decay=0.5)  # fault
# fixed: optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)


def train():
    for epoch in range(5):
        model.train()
        mean = 0.0
        for pair, same in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pair), same)
            loss.backward()
            optimizer.step()  # here
            mean += loss.item() / len(train_loader)
        print("epoch", epoch, round(mean, 4))
    model.eval()
    with torch.no_grad():
        hits = sum(((model(p) > 0) == (s > 0.5)).sum().item() for p, s in val_loader)
    print("val", hits / len(val_loader.dataset))


if __name__ == "__main__":
    train()
