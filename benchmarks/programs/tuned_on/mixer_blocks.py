"""MLP-Mixer on 8x8 digit images cut into 2x2 patches.

code: ND204
also:
object: blocks | blocks.0 | blocks.1 | blocks.2 | blocks.3
seen: checkup
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class FeedForward(nn.Sequential):
    def __init__(self, dim, hidden):
        super().__init__(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))


class MixerBlock(nn.Module):
    def __init__(self, dim, n_patches):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.token_mix = FeedForward(n_patches, 32)
        self.norm2 = nn.LayerNorm(dim)
        self.channel_mix = FeedForward(dim, 64)

    def forward(self, x):
        x = x + self.token_mix(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channel_mix(self.norm2(x))


class Mixer(nn.Module):
    def __init__(self, dim=32, depth=4, n_classes=10):
        super().__init__()
        self.patchify = nn.Conv2d(1, dim, kernel_size=2, stride=2)
        self.blocks = nn.Sequential(*[MixerBlock(dim, 16)] * depth)  # fault
        # fixed: self.blocks = nn.Sequential(*[MixerBlock(dim, 16) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, n_classes)

    def forward(self, img):
        x = self.patchify(img).flatten(2).transpose(1, 2)
        x = self.blocks(x)  # here
        return self.head(self.norm(x).mean(dim=1))


images, targets = load_digits(return_X_y=True)
images = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8)
images = (images - 4.88) / 6.02
tr_x, va_x, tr_y, va_y = train_test_split(images, torch.tensor(targets), test_size=300, random_state=3, stratify=targets)
train_loader = DataLoader(TensorDataset(tr_x, tr_y), batch_size=64, shuffle=True, drop_last=True)
val_loader = DataLoader(TensorDataset(va_x, va_y), batch_size=150)

model = Mixer()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.inference_mode():
            acc = torch.cat([model(x).argmax(1) == y for x, y in val_loader]).float().mean().item()
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.3f} acc {acc:.3f} params {sum(p.numel() for p in model.parameters())}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
