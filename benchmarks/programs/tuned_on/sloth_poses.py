"""Lifts 2-D key points of a sloth to 3-D; the loss compares all joint-to-joint distances, so that rotation does not matter.

code: ND504
also: ND310
object: joint_distances | distance_loss | loss_fn | sqrt
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

JOINTS = 9


def joint_distances(joints):
    gap = joints[:, :, None] - joints[:, None]
    return torch.sqrt((gap ** 2).sum(-1))  # fault
    # fixed: return torch.sqrt((gap ** 2).sum(-1) + 1e-8)


class Poses(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        basis = torch.randn(4, JOINTS * 3, generator=torch.Generator().manual_seed(0))
        self.joints = (torch.randn(n, 4, generator=g) @ basis).view(n, JOINTS, 3) / 2

    def __len__(self):
        return len(self.joints)

    def __getitem__(self, i):
        return self.joints[i, :, :2].flatten(), self.joints[i]


class Lift(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(JOINTS * 2, 64), nn.LeakyReLU(.1), nn.Linear(64, 64), nn.LeakyReLU(.1), nn.Linear(64, JOINTS * 3))

    def forward(self, flat):
        return self.net(flat).view(-1, JOINTS, 3)


def distance_loss(pred, joints):
    return (joint_distances(pred) - joint_distances(joints)).abs().mean()  # here


torch.manual_seed(25)
train_loader = DataLoader(Poses(320, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Poses(80, 2), batch_size=40)
model, loss_fn = Lift(), distance_loss
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        run = 0.
        for x, joints in train_loader:
            loss = loss_fn(model(x), joints)
            optimizer.zero_grad()
            loss.backward()  # here
            optimizer.step()
            run += loss.item() / len(train_loader)
        with torch.no_grad():
            val = sum(loss_fn(model(x), j).item() for x, j in val_loader)
    return run


if __name__ == "__main__":
    print(train())
