"""DQN on a windy corridor: replayed transitions, a target network, Huber loss.

code: ND403
also:
object: q | target | smooth_l1_loss | batch_loss
seen: checkup
"""
import copy
import torch
import torch.nn.functional as F
from torch import nn

CELLS, GAMMA = 12, 0.9
g = torch.Generator().manual_seed(2)


def step(s, a):
    wind = (torch.rand(s.shape, generator=g) < 0.1).long()
    s2 = (s + 2 * a - 1 - wind).clamp(0, CELLS - 1)
    r = (s2 == CELLS - 1).float() - 0.02
    return s2, r, (s2 == CELLS - 1).float()


def collect(n):
    s = torch.randint(0, CELLS - 1, (n,), generator=g)
    a = torch.randint(0, 2, (n,), generator=g)
    s2, r, done = step(s, a)
    hot = lambda k: F.one_hot(k, CELLS).float()
    return torch.utils.data.TensorDataset(hot(s), a, r, hot(s2), done)


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(CELLS, 48), nn.ReLU(), nn.Linear(48, 2))

    def forward(self, obs):
        return self.layers(obs)


torch.manual_seed(2)
model = QNet()
target_net = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
replay = collect(2000)
train_loader = torch.utils.data.DataLoader(replay, batch_size=64, shuffle=True)


def batch_loss(setup, batch):
    s, a, r, s2, done = batch
    q = setup.model(s).gather(1, a.unsqueeze(1))  # fault
    # fixed: q = setup.model(s).gather(1, a.unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        target = r + GAMMA * (1 - done) * target_net(s2).amax(1)
    return F.smooth_l1_loss(q, target)  # here


def train(epochs=10):
    from types import SimpleNamespace as NS
    losses, steps = [], 0
    for _ in range(epochs):
        for batch in train_loader:
            loss = batch_loss(NS(model=model), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            steps += 1
            if steps % 40 == 0:
                target_net.load_state_dict(model.state_dict())
    with torch.no_grad():
        print("value along the corridor", model(torch.eye(CELLS)).amax(1))
    return sum(losses[-30:]) / 30


if __name__ == "__main__":
    print(train())
