"""Q-learning from a fixed log of cart positions (offline DQN with a target network).

code: ND403
also:
object: td_target | reward | batch_loss | loss_fn | target
seen: checkup
"""
import copy
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)
GAMMA, STEPS = 0.9, 1200

state = torch.empty(STEPS, 4).uniform_(-1, 1)
action = torch.randint(0, 2, (STEPS, 1))
push = action.float() * 2 - 1
nxt = state + .1 * torch.cat([state[:, 1:2], push, state[:, 3:4], -push], 1)
reward = 1 - nxt[:, :1].abs() - .5 * nxt[:, 2:3].abs()
done = (nxt.abs().amax(1, keepdim=True) > 1.05).float()
log = TensorDataset(state, action, reward, nxt, done)
train_loader = DataLoader(log, batch_size=50, shuffle=True)


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.q = nn.Linear(64, 2)

    def forward(self, s):
        return self.q(self.body(s))


model = QNet()
target_net = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def td_target(r, s2, d):
    with torch.no_grad():
        best = target_net(s2).max(1).values  # fault
        # fixed: best = target_net(s2).max(1, keepdim=True).values
        return r + GAMMA * (1 - d) * best  # here


def batch_loss(setup, batch):
    s, a, r, s2, d = batch
    q = setup.model(s).gather(1, a)
    target = td_target(r, s2, d)  # here
    return ((q - target) ** 2).mean()  # here


def train():
    class setup: pass
    setup.model = model
    losses = []
    for epoch in range(6):
        for i, batch in enumerate(train_loader):
            loss = batch_loss(setup, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        target_net.load_state_dict(model.state_dict())
    return sum(losses[-20:]) / 20


if __name__ == "__main__":
    print(train())
