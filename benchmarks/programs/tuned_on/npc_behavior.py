"""Policy gradient for a non-player character: fight, flee, heal or trade, from the state of the game.

code: ND102
also:
object: gold | states | train_loader | observe | inputs
seen: checkup
"""
import torch
from torch import nn
from torch.distributions import Categorical
from torch.utils.data import DataLoader

ACTIONS = ["fight", "flee", "heal", "trade"]


def observe(n, seed):
    """health, enemies near, potion in the bag, distance to the village, gold"""
    g = torch.Generator().manual_seed(seed)
    health = torch.rand(n, generator=g)
    enemies = torch.randint(0, 4, (n,), generator=g).float()
    potion = torch.randint(0, 2, (n,), generator=g).float()
    distance = torch.rand(n, generator=g)
    gold = 1000 * torch.randint(0, 250, (n,), generator=g).float()
    states = torch.stack([health - 0.5, enemies / 2 - 0.75, potion - 0.5, distance - 0.5, gold], 1)  # fault
    # fixed: states = torch.stack([health - 0.5, enemies / 2 - 0.75, potion - 0.5, distance - 0.5, gold / 125e3 - 1], 1)
    best = torch.where(enemies > 0, torch.where(health > 0.45, 0, torch.where(potion > 0, 2, 1)),
                       torch.where((gold > 60e3) & (distance < 0.6), 3, 2))
    return [{"state": s, "best": b} for s, b in zip(states, best)]  # here


class Brain(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.policy = nn.Linear(64, len(ACTIONS))
        self.value = nn.Linear(64, 1)

    def forward(self, state):
        h = self.body(state)
        return Categorical(logits=self.policy(h)), self.value(h).squeeze(-1)


def batch_loss(setup, batch):
    pi, value = setup.model(batch["state"])
    action = pi.sample()
    reward = (action == batch["best"]).float()
    advantage = (reward - value).detach()
    actor = -(pi.log_prob(action) * advantage).mean()
    critic = nn.functional.mse_loss(value, reward)
    return actor + 0.5 * critic - 0.01 * pi.entropy().mean()


torch.manual_seed(6)
model = Brain()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_loader = DataLoader(observe(1600, 0), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(observe(400, 1), batch_size=200)


class Game:
    model = model


def train():
    for episode in range(14):
        model.train()
        losses = []
        for batch in train_loader:
            loss = batch_loss(Game, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            losses.append(loss.item())
        if episode % 4 == 1:
            model.eval()
            with torch.no_grad():
                wise = torch.cat([(model(b["state"])[0].probs.argmax(1) == b["best"]).float() for b in val_loader]).mean()
            print(f"episode {episode}: loss {sum(losses) / len(losses):.3f}, wise decisions {wise:.2f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
