"""Behaviour cloning: which of four moves would the expert make in a small grid world?

code: ND108
also:
object: train_loader | sampler | ReplaySampler | order
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler


def expert_games(n, seed):
    """move -> states (agent, goal, two walls); moves are up, down, left, right"""
    rng = np.random.default_rng(seed)
    state = rng.uniform(-1, 1, (n, 8)).astype(np.float32)
    d = state[:, 2:4] - state[:, 0:2]
    move = np.where(np.abs(d[:, 1]) > np.abs(d[:, 0]), (d[:, 1] < 0).astype(int), 2 + (d[:, 0] > 0))
    return {m: state[move == m] for m in range(4)}


class Replay(Dataset):
    def __init__(self, games):
        self.state = np.concatenate([games[m] for m in games])
        self.move = np.concatenate([np.full(len(games[m]), m) for m in games])

    def __len__(self):
        return len(self.move)

    def __getitem__(self, i):
        return self.state[i] * 1.7, self.move[i]


class ReplaySampler(Sampler):
    def __init__(self, replay, seed=0):
        self.replay, self.rng = replay, np.random.default_rng(seed)

    def __len__(self):
        return len(self.replay)

    def __iter__(self):
        order = list(range(len(self.replay)))
        self.rng.permutation(order)  # fault
        # fixed: self.rng.shuffle(order)
        return iter(order)  # here


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.logits = nn.Linear(64, 4)

    def forward(self, s):
        return self.logits(self.net(s))

    @torch.no_grad()
    def act(self, s):
        return self(s).argmax(-1)


replay, tests = Replay(expert_games(1600, 0)), Replay(expert_games(400, 1))
torch.manual_seed(0)
train_loader = DataLoader(replay, batch_size=32, sampler=ReplaySampler(replay))  # here
val_loader = DataLoader(tests, batch_size=200)
model = Policy()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        late = []
        for s, a in train_loader:
            loss = loss_fn(model(s), a)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            late.append(loss.item())
        model.eval()
        agree = sum((model.act(s) == a).sum().item() for s, a in val_loader) / len(tests)
        print(f"epoch {epoch}: loss {sum(late) / len(late):.3f}, agrees with the expert in {agree:.1%}")
    return sum(late) / len(late)


if __name__ == "__main__":
    print(train())
