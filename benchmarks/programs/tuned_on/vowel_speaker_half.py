"""Which vowel was spoken? Formants through a net that was halved to save memory.

code: ND805
also: ND807 | ND709
object: half | model | DTYPE | float16
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(15)
rng = np.random.default_rng(15)
FORMANTS = np.array([[300, 2300, 3000], [400, 2000, 2550], [700, 1100, 2500], [450, 800, 2400], [320, 700, 2300]])
vowel = rng.integers(0, 5, 1100)
tract = rng.normal(1, 0.1, (1100, 1))
sound = FORMANTS[vowel] * tract * rng.normal(1, 0.03, (1100, 3))
sound = np.log(np.concatenate([sound, 120 * tract**2], 1))
sound = (sound - sound[:900].mean(0)) / sound[:900].std(0)

DTYPE = torch.float16  # fault
# fixed: DTYPE = torch.float32
x = torch.tensor(sound, dtype=DTYPE)
y = torch.tensor(vowel)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=100)


class VowelNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 5))

    def forward(self, x):
        return self.stack(x)


model = VowelNet().to(DTYPE)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(10):
        model.train()
        for formants, v in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(formants), v)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        acc = torch.cat([model(a).argmax(1) == b for a, b in val_loader]).float().mean()
    print(f"loss {loss.item():.3f} acc {acc:.3f}")


if __name__ == "__main__":
    train()
