"""The enemy of a shooter learns the value of its four moves from logged fights (Q regression, one-step rewards).

code: ND605
also: ND709, ND705, ND704
object: optimizer | eps | EPS
seen: both
"""
from collections import deque
import random
import torch
import torch.nn as nn
import torch.nn.functional as F

LR, EPS, BATCH, STEPS = 2e-3, 0.9, 64, 300  # here


class Fight:
    """State: own health, enemy health, distance, ammunition, cover."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.g = torch.Generator().manual_seed(seed)

    def log(self, n):
        memory = deque(maxlen=n)
        for _ in range(n):
            s = torch.randn(5, generator=self.g)
            a = self.rng.randrange(4)
            gain = [s[0] * s[2], torch.tanh(s[3] - s[2]), s[4] - s[0], 0.5 * s[1] * s[4]][a]
            memory.append((s, a, float(gain) + 0.05 * self.rng.gauss(0, 1)))
        return memory


class QNet(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.l1, self.l2 = nn.Linear(5, hidden), nn.Linear(hidden, hidden)
        self.value, self.advantage = nn.Linear(hidden, 1), nn.Linear(hidden, 4)

    def forward(self, s):
        h = F.relu(self.l2(F.relu(self.l1(s))))
        adv = self.advantage(h)
        return self.value(h) + adv - adv.mean(-1, keepdim=True)


torch.manual_seed(0)
model = QNet()
optimizer = torch.optim.Adam(model.parameters(), lr=LR, eps=EPS)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=LR)
train_loader = torch.utils.data.DataLoader(list(Fight(1).log(1920)), batch_size=BATCH, shuffle=True)


def batch_loss(setup, batch):
    s, a, r = batch
    return F.mse_loss(setup.model(s).gather(1, a[:, None]).squeeze(1), r.float())


def train():
    import types
    this, step, tail = types.SimpleNamespace(model=model), 0, deque(maxlen=30)
    while step < STEPS:
        for batch in train_loader:
            loss = batch_loss(this, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tail.append(loss.item())
            step += 1
    return sum(tail) / len(tail)


if __name__ == "__main__":
    print("late td error", train())
