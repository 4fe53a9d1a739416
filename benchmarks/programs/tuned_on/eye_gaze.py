"""Gaze angles (yaw, pitch) from an eye crop and head pose; images mirrored half of the time.

code: ND110
also: ND104
object: mirror | EyeCrops | random_mirror | yaw | gaze | __getitem__
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(5)


def render(gaze, pose):
    """16x24 eye: a dark iris that moves with the gaze minus the head pose"""
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1.5, 1.5, 24), indexing="ij")
    centre = 0.5 * (gaze - 0.3 * pose)
    iris = torch.exp(-(((xx - centre[0]) ** 2 + (yy - centre[1]) ** 2) / 0.12))
    lids = (yy.abs() > 0.8).float()
    return (0.4 - 1.6 * iris + lids + 0.25 * torch.randn(16, 24))[None]


class EyeCrops(Dataset):
    def __init__(self, n, mirror):
        self.pose = torch.randn(n, 2) * 0.8
        self.gaze = torch.randn(n, 2).clamp(-2, 2)
        self.eyes = torch.stack([render(g, p) for g, p in zip(self.gaze, self.pose)])
        self.mirror = mirror

    def __len__(self):
        return len(self.gaze)

    def random_mirror(self, eye, pose, gaze):
        if torch.rand(()) < 0.5:
            eye = eye.flip(-1)
            pose = pose * torch.tensor([-1.0, 1.0])  # fault
            # fixed: pose, gaze = pose * torch.tensor([-1.0, 1.0]), gaze * torch.tensor([-1.0, 1.0])
        return eye, pose, gaze

    def __getitem__(self, i):
        item = self.eyes[i], self.pose[i], self.gaze[i]
        return self.random_mirror(*item) if self.mirror else item  # here


class GazeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.eye = nn.Sequential(nn.Conv2d(1, 12, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(12, 12, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(12 * 24 + 2, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, eye, pose):
        return self.head(torch.cat([self.eye(eye), pose], -1))


train_loader = DataLoader(EyeCrops(600, mirror=True), batch_size=32, shuffle=True)
val_loader = DataLoader(EyeCrops(150, mirror=False), batch_size=50)
model = GazeNet()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    eye, pose, gaze = batch
    return loss_fn(setup.model(eye, pose), gaze)


def run_epoch(loader, training):
    model.train(training)
    total, n = 0.0, 0
    with torch.set_grad_enabled(training):
        for eye, pose, gaze in loader:
            loss = loss_fn(model(eye, pose), gaze)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total, n = total + loss.item() * len(gaze), n + len(gaze)
    return total / n


def train():
    for epoch in range(8):
        fit = run_epoch(train_loader, True)
    print("val", run_epoch(val_loader, False))
    return fit


if __name__ == "__main__":
    print(train())
