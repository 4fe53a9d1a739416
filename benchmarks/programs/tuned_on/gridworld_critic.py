"""Actor-critic on a 5x5 grid, one update per finished episode.

code: ND506
also:
object: saved | model.saved | memory | finish_episode
seen: watch
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical

SIDE, GOAL, LIMIT = 5, 24, 20
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(SIDE * SIDE, 48)
        self.actor, self.critic = nn.Linear(48, 4), nn.Linear(48, 1)
        self.saved = []

    def forward(self, cell):
        h = torch.tanh(self.hidden(F.one_hot(cell, SIDE * SIDE).float()))
        return Categorical(logits=self.actor(h)), self.critic(h).squeeze(-1)


torch.manual_seed(19)
model = ActorCritic()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)


def episode(net, start):
    cell, rewards = start, []
    while len(rewards) < LIMIT and cell != GOAL:
        pi, value = net(torch.tensor(cell))
        a = pi.sample()
        net.saved.append((pi.log_prob(a), value))  # here
        r, c = divmod(cell, SIDE)
        dr, dc = MOVES[a.item()]
        cell = min(max(r + dr, 0), SIDE - 1) * SIDE + min(max(c + dc, 0), SIDE - 1)
        rewards.append(1.0 if cell == GOAL else -0.04)
    return rewards


def finish_episode(net, rewards):
    g, returns = 0.0, []
    for r in reversed(rewards):
        g = r + 0.95 * g
        returns.insert(0, g)
    returns = torch.tensor(returns)
    logp, values = map(torch.stack, zip(*net.saved[-len(rewards):]))
    advantage = returns - values.detach()
    loss = -(logp * advantage).mean() + 0.5 * F.smooth_l1_loss(values, returns)
    return loss


train_loader = torch.utils.data.DataLoader(torch.arange(24), batch_size=1, shuffle=True)


def batch_loss(setup, batch):
    return finish_episode(setup.model, episode(setup.model, int(batch)))


def train():
    from types import SimpleNamespace
    setup, history = SimpleNamespace(model=model), []
    for sweep in range(7):
        for batch in train_loader:
            loss = batch_loss(setup, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()  # fault
            # fixed: optimizer.step()
            # fixed: model.saved.clear()
            history.append(loss.item())
        print(sweep, sum(history[-24:]) / 24, len(model.saved))
    return sum(history[-24:]) / 24


if __name__ == "__main__":
    print(train())
