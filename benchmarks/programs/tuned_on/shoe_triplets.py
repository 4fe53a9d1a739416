"""Embeds shoe pictures so that views of one model lie together (batch-hard triplet loss).

code: ND504
also: ND310
object: sqrt | pairwise_distances | dist | batch_hard_triplet_loss
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def pairwise_distances(emb):
    """Euclidean distance of every embedding to every other one, (B, B)."""
    diff = emb.unsqueeze(0) - emb.unsqueeze(1)
    squared = diff.pow(2).sum(-1)
    return torch.sqrt(squared)  # fault
    # fixed: return torch.sqrt(squared + 1e-12)


def batch_hard_triplet_loss(emb, labels, margin=0.3):
    dist = pairwise_distances(emb)  # here
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    hardest_positive = (dist * same).max(dim=1).values
    hardest_negative = (dist + 1e3 * same).min(dim=1).values
    return F.relu(hardest_positive - hardest_negative + margin).mean()


class ShoeEncoder(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU())
        self.proj = nn.Linear(32 * 16, dim)

    def forward(self, x):
        return F.normalize(self.proj(self.conv(x).flatten(1)), dim=1)


def photos(views, seed, shoes=12):
    g = torch.Generator().manual_seed(0)
    prototypes = F.interpolate(torch.randn(shoes, 3, 4, 4, generator=g), size=16, mode="bilinear")
    g.manual_seed(seed)
    labels = torch.arange(shoes).repeat_interleave(views)
    return prototypes[labels] + 1.3 * torch.randn(len(labels), 3, 16, 16, generator=g), labels


torch.manual_seed(1)
train_loader = DataLoader(TensorDataset(*photos(40, 1)), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(*photos(8, 2)), batch_size=96)
model = ShoeEncoder()
loss_fn = batch_hard_triplet_loss
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        epoch_loss = 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(images), labels)
            loss.backward()  # here
            optimizer.step()
            epoch_loss += loss.item()
        model.eval()
        with torch.no_grad():
            for images, labels in val_loader:
                d = torch.cdist(model(images), model(images)).fill_diagonal_(9)
                p1 = (labels[d.argmin(1)] == labels).float().mean().item()
        print(f"epoch {epoch} loss {epoch_loss / len(train_loader):.4f} precision@1 {p1:.3f}")
    return epoch_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
