"""Behaviour cloning for a two-joint arm; the policy keeps its parts in one namespace.

code: ND203
also: ND601
object: parts | parts.goal | parts.fuse | goal | fuse
seen: both
"""
from types import SimpleNamespace
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset


class Demos(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.joints = torch.randn(n, 4, generator=g)
        self.goal = torch.randn(n, 3, generator=g)
        self.act = torch.stack([torch.tanh(self.goal[:, 0] - self.joints[:, 0] + self.joints[:, 2]),
                                torch.sin(self.goal[:, 1] * 1.5) - 0.4 * self.joints[:, 3]], 1)

    def __len__(self):
        return self.act.shape[0]

    def __getitem__(self, i):
        return {"joints": self.joints[i], "goal": self.goal[i], "action": self.act[i]}


class Policy(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, width), nn.Tanh())
        made = {"goal": nn.Sequential(nn.Linear(3, width), nn.Tanh()),
                "fuse": nn.Sequential(nn.Linear(2 * width, width), nn.ReLU())}
        self.parts = SimpleNamespace(**made)  # fault
        # fixed: self.parts = nn.Module()
        # fixed: for key, part in made.items():
        # fixed:     self.parts.add_module(key, part)
        self.out = nn.Linear(width, 2)

    def forward(self, joints, goal):
        both = torch.cat([self.body(joints), self.parts.goal(goal)], -1)
        return self.out(self.parts.fuse(both))  # here


torch.manual_seed(4)
model = Policy()
loss_fn = nn.HuberLoss()
optimizer = optim.Adam(model.parameters(), lr=4e-3)
train_loader = DataLoader(Demos(640, 0), batch_size=64, shuffle=True)
val_loader = DataLoader(Demos(160, 1), batch_size=160)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["joints"], batch["goal"]), batch["action"])


def train():
    for _ in range(12):
        model.train()
        seen = total = 0
        for b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(b["joints"], b["goal"]), b["action"])
            loss.backward()
            optimizer.step()
            total, seen = total + loss.item() * len(b["goal"]), seen + len(b["goal"])
        model.eval()
        with torch.no_grad():
            [loss_fn(model(b["joints"], b["goal"]), b["action"]).item() for b in val_loader]
    return total / seen


if __name__ == "__main__":
    print(train())
