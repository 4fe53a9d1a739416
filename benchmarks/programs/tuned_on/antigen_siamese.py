"""Do two antibodies bind the same epitope? Twin encoder over their CDR3 loops.

code: ND303
also:
object: b | eb | SameEpitope | model.encoder | encoder | model
seen: checkup
"""
import random
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

AMINO = "ACDEFGHIKLMNPQRSTVWY"
LOOP = 14


class PairSet(Dataset):
    def __init__(self, n, seed):
        rnd = random.Random(seed)
        cores = ["YYGSS", "DWLRP", "RGVKT", "FNPEH"]
        self.rows = []
        for i in range(n):
            same = i % 2
            k = rnd.randrange(4)
            other = k if same else (k + rnd.randint(1, 3)) % 4
            self.rows.append((self.loop(rnd, cores[k]), self.loop(rnd, cores[other]), float(same)))

    @staticmethod
    def loop(rnd, core):
        core = "".join(c if rnd.random() < 0.9 else rnd.choice(AMINO) for c in core)
        start = rnd.randint(0, LOOP - len(core))
        left = "".join(rnd.choice(AMINO) for _ in range(start))
        right = "".join(rnd.choice(AMINO) for _ in range(LOOP - len(core) - start))
        return torch.tensor([AMINO.index(c) for c in left + core + right])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        a, b, same = self.rows[i]
        return a, b, torch.tensor(same)


class SameEpitope(nn.Module):
    def __init__(self, emb=16, dim=48):
        super().__init__()
        self.embed = nn.Embedding(len(AMINO), emb)
        self.conv = nn.Conv1d(emb, dim, 5, padding=2)
        self.compare = nn.Sequential(nn.Linear(3 * dim, 48), nn.ReLU(), nn.Linear(48, 1))

    def encode(self, s):
        h = self.conv(self.embed(s).transpose(1, 2))
        return torch.relu(h).amax(-1)

    def forward(self, a, b):
        ea = self.encode(a)
        eb = self.encode(a)  # fault
        # fixed: eb = self.encode(b)
        return self.compare(torch.cat([ea + eb, (ea - eb).abs(), ea * eb], -1)).squeeze(-1)  # here


torch.manual_seed(31)
train_loader = DataLoader(PairSet(1000, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(PairSet(200, 1), batch_size=50)
model = SameEpitope()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    a, b, same = batch
    return loss_fn(setup.model(a, b), same)


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        history = []
        for a, b, same in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a, b), same)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        model.eval()
        hit = 0
        with torch.no_grad():
            for a, b, same in val_loader:
                hit += ((model(a, b) > 0).float() == same).sum().item()
        print(f"{epoch}: loss {sum(history) / len(history):.3f} acc {hit / 200:.3f}")
    return sum(history) / len(history)


if __name__ == "__main__":
    print(train())
