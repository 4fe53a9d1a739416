"""Deep Q-learning from a log of random play: climb a ladder of 8 rungs without slipping.

code: none
trait: a frozen target network inside the same object, targets under no_grad, terminal rewards only, an iterable dataset without len, a bootstrapped loss that hardly falls while the values grow
"""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, IterableDataset

torch.manual_seed(4)
RUNGS, ACTIONS, GAMMA = 8, 3, 0.9        # actions: down, up, wait


def play(n):
    """transitions (s, a, r, s', done) of a player who does not know what he does"""
    s = torch.randint(0, RUNGS, (n,))
    wind = torch.randint(0, 2, (n,))
    a = torch.randint(0, ACTIONS, (n,))
    step = torch.tensor([-1, 1, 0])[a]
    slip = (wind == 1) & (a == 1) & (torch.rand(n) < 0.7)
    s2 = torch.where(slip, torch.zeros_like(s), (s + step).clamp(0, RUNGS))
    done = s2 == RUNGS
    wind2 = torch.randint(0, 2, (n,))
    return s, wind, a, done.float(), s2.clamp(max=RUNGS - 1), wind2, done.float()


def observe(s, wind):
    return torch.cat([F.one_hot(s, RUNGS).float(), wind[:, None].float() * 2 - 1], 1)


class Replay(IterableDataset):
    def __init__(self, size, batches):
        s, w, a, r, s2, w2, d = play(size)
        self.rows = observe(s, w), a, r, observe(s2, w2), d
        self.batches = batches

    def __iter__(self):
        for _ in range(self.batches):
            i = torch.randint(0, len(self.rows[1]), (64,))
            yield tuple(t[i] for t in self.rows)


class DQN(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(RUNGS + 1, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                    nn.Linear(hidden, ACTIONS))
        self.target = copy.deepcopy(self.online).requires_grad_(False)

    def forward(self, obs):
        return self.online(obs)

    @torch.no_grad()
    def follow(self, tau=0.05):
        for t, o in zip(self.target.parameters(), self.online.parameters()):
            t.lerp_(o, tau)


train_loader = DataLoader(Replay(4000, 60), batch_size=None)
model = DQN()
optimizer = torch.optim.Adam(model.online.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    obs, a, r, obs2, done = batch
    q = setup.model(obs).gather(1, a[:, None]).squeeze(1)
    with torch.no_grad():
        best = setup.model(obs2).argmax(1, keepdim=True)
        y = r + GAMMA * (1 - done) * setup.model.target(obs2).gather(1, best).squeeze(1)
    return F.smooth_l1_loss(q, y)


class Setup:
    model = model


def train(epochs=8):
    for epoch in range(epochs):
        losses = []
        for batch in train_loader:
            loss = batch_loss(Setup, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(model.online.parameters(), 10.0)
            optimizer.step()
            model.follow()
            losses.append(loss.item())
        with torch.no_grad():
            calm = model(observe(torch.arange(RUNGS), torch.zeros(RUNGS, dtype=torch.long))).max(1).values
        print(epoch, "td loss", round(sum(losses) / len(losses), 5), "values", [round(v, 2) for v in calm.tolist()])
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
