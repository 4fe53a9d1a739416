"""Sign words from 2d hand keypoints over frames; random frame drop + rotation with numpy in the workers.

code: ND109
also:
object: init_worker | worker_init_fn | train_loader | SignClips
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

JOINTS, FRAMES, WORDS = 10, 24, 6


def init_worker(worker_id):
    """reproducible runs, see the PyTorch notes on randomness"""
    seed = 42  # fault
    # fixed: seed = torch.initial_seed() % 2**32
    np.random.seed(seed)


def rotate(clip, degrees):
    a = np.deg2rad(degrees)
    return clip @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


class SignClips(Dataset):
    def __init__(self, n, seed, augment):
        rng = np.random.RandomState(seed)
        words = np.random.RandomState(99).randn(WORDS, 3, JOINTS, 2)
        t = np.linspace(0, np.pi, FRAMES)
        basis = np.stack([np.ones_like(t) * 0.5, np.sin(t), np.sin(2 * t)])
        self.y = rng.randint(0, WORDS, n)
        self.clips = np.einsum("kt,nkjc->ntjc", basis, words[self.y]) + 1.6 * rng.randn(n, FRAMES, JOINTS, 2)
        self.augment = augment

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        clip = self.clips[i]
        if self.augment:
            clip = rotate(clip, np.random.uniform(-25, 25))
            clip = clip * (np.random.rand(FRAMES, 1, 1) > 0.15)
        return {"pose": torch.from_numpy(clip.reshape(FRAMES, -1)).float(), "word": int(self.y[i])}


class PoseTransformer(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.embed = nn.Linear(JOINTS * 2, d)
        self.pos = nn.Parameter(torch.randn(FRAMES, d) * 0.02)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.1, batch_first=True)
        self.cls = nn.Linear(d, WORDS)

    def forward(self, pose):
        return self.cls(self.block(self.embed(pose) + self.pos).mean(1))


torch.manual_seed(0)
train_loader = DataLoader(SignClips(480, 0, True), batch_size=32, shuffle=True, num_workers=2, worker_init_fn=init_worker)  # here
val_loader = DataLoader(SignClips(120, 1, False), batch_size=60)
model = PoseTransformer()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["pose"]), batch["word"])


def train():
    for epoch in range(4):
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["pose"]), batch["word"])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(b["pose"]).argmax(1) == b["word"]).float().mean().item() for b in val_loader])
        model.train()
        print(epoch, round(acc, 3))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
