"""An agent walks to the goal of a five-by-five maze; REINFORCE with a batch baseline and an entropy bonus.

code: none
trait: policy gradient, the loss hovers around zero and is negative at times; the loader is an iterable without len
"""
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(2)

SIZE, STEPS, GOAL = 5, 10, torch.tensor([4, 4])
WALLS = torch.zeros(SIZE, SIZE, dtype=torch.bool)
WALLS[1, 1] = WALLS[1, 2] = WALLS[3, 3] = True
MOVES = torch.tensor([[0, 1], [1, 0], [0, -1], [-1, 0]])
FREE = torch.nonzero(~WALLS)


class Starts:
    """fresh batches of start cells"""

    def __init__(self, batches, size=64):
        self.batches, self.size = batches, size

    def __iter__(self):
        for _ in range(self.batches):
            yield FREE[torch.randint(0, len(FREE), (self.size,))]


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2 * SIZE, 48), nn.Tanh())
        self.actions = nn.Linear(48, 4)

    def forward(self, cell):
        hot = torch.nn.functional.one_hot(cell, SIZE).flatten(1).float()
        return self.actions(self.body(hot))


model = Policy()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_fn = None
train_loader = Starts(90)


def rollout(policy, cell):
    logps, rewards, entropies = [], [], []
    done = (cell == GOAL).all(1)
    for _ in range(STEPS):
        dist = Categorical(logits=policy(cell))
        a = dist.sample()
        new = (cell + MOVES[a]).clamp(0, SIZE - 1)
        new = torch.where(WALLS[new[:, 0], new[:, 1]].unsqueeze(1), cell, new)
        new = torch.where(done.unsqueeze(1), cell, new)
        alive = (~done).float()
        done = (new == GOAL).all(1)
        logps.append(dist.log_prob(a) * alive)
        entropies.append(dist.entropy() * alive)
        rewards.append(alive * (-0.1 + done.float()))
        cell = new
    rewards = torch.stack(rewards)
    returns = rewards.flip(0).cumsum(0).flip(0)
    return torch.stack(logps), returns, torch.stack(entropies), rewards.sum(0).mean()


def policy_loss(policy, cell):
    logps, returns, entropies, score = rollout(policy, cell)
    advantage = (returns - returns.mean()) / (returns.std() + 1e-8)
    return -(logps * advantage).mean() - 0.01 * entropies.mean(), score


def batch_loss(setup, batch):
    return policy_loss(setup.model, batch)[0]


def train():
    model.train()
    losses = []
    for i, cell in enumerate(train_loader):
        loss, score = policy_loss(model, cell)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if i % 30 == 29:
            print(f"{i + 1} loss {loss.item():+.4f} reward {score:.3f}")
    return sum(losses[-20:]) / 20


if __name__ == "__main__":
    print(train())
