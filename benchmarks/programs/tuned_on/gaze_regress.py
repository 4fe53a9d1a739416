"""Where does the eye look? Regresses yaw and pitch from eye crops, mirrored at random.

code: ND110
also: ND104
object: mirror | gaze | target | EyeCrops
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def mirror(sample, p=0.5):
    if torch.rand(()) < p:
        sample = {"eye": sample["eye"].flip(-1), "gaze": sample["gaze"]}  # fault
        # fixed: sample = {"eye": sample["eye"].flip(-1), "gaze": sample["gaze"] * torch.tensor([-1.0, 1.0])}
    return sample


class EyeCrops(Dataset):
    def __init__(self, n, seed, transform=None):
        g = torch.Generator().manual_seed(seed)
        self.gaze = torch.randn(n, 2, generator=g).clamp(-2, 2)
        yy, xx = torch.meshgrid(torch.arange(14.), torch.arange(20.), indexing="ij")
        cx = 9.5 + 2.6 * self.gaze[:, 0, None, None]
        cy = 6.5 - 1.5 * self.gaze[:, 1, None, None]
        white = (((xx - 9.5) / 9) ** 2 + ((yy - 6.5) / 6) ** 2 < 1).float()
        iris = torch.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 6)
        self.eyes = (white * (1 - 0.9 * iris) + 0.12 * torch.randn(n, 14, 20, generator=g))[:, None]
        self.eyes = (self.eyes - 0.6) / 0.45
        self.transform = transform

    def __len__(self):
        return len(self.gaze)

    def __getitem__(self, i):
        sample = {"eye": self.eyes[i], "gaze": self.gaze[i]}
        return self.transform(sample) if self.transform else sample  # here


class GazeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(12, 16, 3, stride=2, padding=1), nn.SiLU())
        self.yaw_pitch = nn.Linear(16 * 4 * 5, 2)

    def forward(self, eye):
        return self.yaw_pitch(self.look(eye).flatten(1))


torch.manual_seed(15)
train_loader = DataLoader(EyeCrops(600, 1, mirror), batch_size=30, shuffle=True)
val_loader = DataLoader(EyeCrops(150, 2), batch_size=75)
model = GazeNet()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["eye"]), batch["gaze"])


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for b in train_loader:
            loss = loss_fn(model(b["eye"]), b["gaze"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            off = torch.cat([(model(b["eye"]) - b["gaze"]).abs() for b in val_loader]).mean(0)
    print("yaw and pitch error", off.tolist())
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
