"""Swipe direction from uint8 webcam clips: the network sees frame differences, not frames.

code: ND111
also:
object: motion | Clips | __getitem__ | diff
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

DIRECTIONS = ["left", "right", "up", "down", "hold"]
STEP = torch.tensor([[0, -2], [0, 2], [-2, 0], [2, 0], [0, 0]])


class Clips(Dataset):
    """n clips of 5 grey frames, stored as they come from the camera"""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.direction = torch.randint(0, 5, (n,), generator=g)
        yy, xx = torch.meshgrid(torch.arange(20), torch.arange(20), indexing="ij")
        video = torch.empty(n, 5, 20, 20, dtype=torch.uint8)
        for i, d in enumerate(self.direction):
            spot = torch.randint(8, 12, (2,), generator=g)
            room = 120 + 40 * torch.rand(20, 20, generator=g)
            for f in range(5):
                cy, cx = (spot + STEP[d] * (f - 2)).tolist()
                hand = 70 * torch.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 8.0)
                video[i, f] = (room - hand + 4 * torch.randn(20, 20, generator=g)).clamp(0, 255).to(torch.uint8)
        self.video = video

    def __len__(self):
        return len(self.direction)

    def __getitem__(self, i):
        clip = self.video[i]
        motion = clip[1:] - clip[:-1]  # fault
        # fixed: motion = clip[1:].float() - clip[:-1].float()
        return motion.float() / 12.0, self.direction[i]  # here


class MotionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.frame = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten())
        self.rnn = nn.GRU(200, 32, batch_first=True)
        self.out = nn.Linear(32, 5)

    def forward(self, motion):
        n, t = motion.shape[:2]
        z = self.frame(motion.reshape(n * t, 1, 20, 20)).view(n, t, -1)
        return self.out(self.rnn(z)[0][:, -1])


torch.manual_seed(0)
train_loader = DataLoader(Clips(500, 1), batch_size=25, shuffle=True)
val_loader = DataLoader(Clips(150, 2), batch_size=75)
model = MotionNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(5):
        losses = []
        for motion, d in train_loader:
            loss = loss_fn(model(motion), d)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        print("val acc", sum((model(m).argmax(1) == d).sum().item() for m, d in val_loader) / 150)
    model.train()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
