"""Learns to walk a corridor to its end from recorded random play (DQN with a target network).

code: none
trait: a target network without gradients that is copied now and then; the loss may rise after a copy
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(16)
PLACES, GAMMA = 8, 0.9


def random_play(n):
    state, action = torch.randint(0, PLACES - 1, (n,)), torch.randint(0, 2, (n,))
    following = (state + action * 2 - 1).clamp(min=0)
    done = following == PLACES - 1
    return state, action, done.float(), following, done.float()


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(PLACES, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, place):
        return self.layers(F.one_hot(place, PLACES).float() - 1 / PLACES)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.online, self.target = QNet(), QNet()
        self.target.requires_grad_(False)
        self.copy()

    def copy(self):
        self.target.load_state_dict(self.online.state_dict())

    def forward(self, place):
        return self.online(place)


train_loader = DataLoader(TensorDataset(*random_play(640)), batch_size=32, shuffle=True)
model = Agent()
optimizer = torch.optim.Adam(model.online.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    state, action, reward, following, done = batch
    q = setup.model(state).gather(1, action.unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        goal = reward + GAMMA * (1 - done) * setup.model.target(following).amax(1)
    return F.smooth_l1_loss(q, goal)


class Run:
    model = model


def train():
    step, recent = 0, []
    model.train()
    for epoch in range(16):
        for batch in train_loader:
            loss = batch_loss(Run, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.online.parameters(), 10.0)
            optimizer.step()
            step += 1
            if step % 20 == 0:
                model.copy()
            recent.append(loss.item())
    with torch.no_grad():
        print("walks right from", (model(torch.arange(PLACES - 1)).argmax(1) == 1).sum().item(), "of", PLACES - 1, "places")
    return sum(recent[-20:]) / 20


if __name__ == "__main__":
    print(train())
