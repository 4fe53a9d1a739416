"""REINFORCE on a one-step corridor: which of four moves brings the agent nearer to the goal.

code: ND405
also:
object: policy_loss | batch_loss | loss_fn | loss | advantage
seen: checkup
"""
import torch
from torch import nn
from torch.distributions import Categorical
from torch.utils.data import DataLoader, TensorDataset

MOVES = torch.tensor([[1., 0.], [-1., 0.], [0., 1.], [0., -1.]])


def positions(n, seed):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 4, generator=g)            # x, y, goal x, goal y


def reward_of(state, move):
    here, goal = state[:, :2], state[:, 2:]
    before = (goal - here).norm(dim=1)
    after = (goal - here - .5 * MOVES[move]).norm(dim=1)
    return before - after


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 4))

    def forward(self, s):
        return self.net(s)


def policy_loss(logits, action, advantage, beta=.01):
    d = Categorical(logits=logits)
    objective = d.log_prob(action) * advantage
    return objective.mean() - beta * d.entropy().mean()  # fault
    # fixed: return -objective.mean() - beta * d.entropy().mean()


torch.manual_seed(12)
train_loader = DataLoader(TensorDataset(positions(640, 1)), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(positions(160, 2)), batch_size=80)
model = Policy()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    (state,) = batch
    logits = setup.model(state)
    with torch.no_grad():
        action = Categorical(logits=logits).sample()
        reward = reward_of(state, action)
        advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
    return policy_loss(logits, action, advantage)  # here


def mean_reward():
    with torch.no_grad():
        return torch.cat([reward_of(s, model(s).argmax(1)) for (s,) in val_loader]).mean().item()


def train():
    class setup: pass
    setup.model = model
    history = []
    for epoch in range(20):
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
        history.append(mean_reward())
    train.reward = history[-1]
    return loss.item()


if __name__ == "__main__":
    print(train(), train.reward)
