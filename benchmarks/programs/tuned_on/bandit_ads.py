"""Contextual bandit: shows one of five ads, learns by REINFORCE with a running baseline from logged contexts.

code: ND405
also:
object: policy_loss | pg_loss | batch_loss | advantage
seen: both
"""
import torch
from torch import nn
from torch.distributions import Categorical
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)
CTX, ADS = 6, 5
taste = torch.randn(CTX, ADS)
contexts = torch.randn(1600, CTX)
train_loader = DataLoader(TensorDataset(contexts), batch_size=64, shuffle=True, drop_last=True)
gen = torch.Generator().manual_seed(1)


def reward(ctx, action):
    """+1 for a click, 0 otherwise"""
    p = torch.sigmoid(2 * (ctx @ taste).gather(1, action[:, None]).squeeze(1))
    return torch.bernoulli(p, generator=gen)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(CTX, 32), nn.Tanh())
        self.logits = nn.Linear(32, ADS)
        self.value = nn.Linear(32, 1)

    def forward(self, ctx):
        h = self.body(ctx)
        return Categorical(logits=self.logits(h)), self.value(h).squeeze(1)


model = Policy()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def rollout_loss(policy, ctx):
    dist, value = policy(ctx)
    action = dist.sample()
    r = reward(ctx, action)
    advantage = r - value.detach()
    policy_loss = (dist.log_prob(action) * advantage).mean()  # fault
    # fixed: policy_loss = -(dist.log_prob(action) * advantage).mean()
    value_loss = (r - value).pow(2).mean()
    entropy = dist.entropy().mean()
    return policy_loss + 0.5 * value_loss - 0.01 * entropy, r.mean()  # here


def batch_loss(setup, batch):
    return rollout_loss(setup.model, batch[0])[0]


def train():
    rewards = []
    for epoch in range(10):
        for (ctx,) in train_loader:
            loss, r = rollout_loss(model, ctx)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rewards.append(r.item())
    print("click rate", sum(rewards[:20]) / 20, "->", sum(rewards[-20:]) / 20)
    return loss.item()


if __name__ == "__main__":
    print(train())
