"""Five reef fish, two of them rare; a weighted sampler draws the training batches.

code: ND107
also:
object: sampler | weights | WeightedRandomSampler | counts | train_loader
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(64)
share = torch.tensor([0.45, 0.30, 0.15, 0.06, 0.04])
centre = torch.randn(5, 12)


def catch(n):
    fish = torch.multinomial(share, n, replacement=True)
    return centre[fish] + 1.1 * torch.randn(n, 12), fish


x, fish = catch(1000)
counts = torch.bincount(fish, minlength=5).float()
weights = counts[fish]  # fault
# fixed: weights = 1.0 / counts[fish]
sampler = WeightedRandomSampler(weights, num_samples=len(fish), replacement=True)
train_loader = DataLoader(TensorDataset(x, fish), batch_size=50, sampler=sampler)  # here
val_loader = DataLoader(TensorDataset(*catch(1000)), batch_size=500)

model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def train():
    for epoch in range(8):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    hit, seen = torch.zeros(5), torch.zeros(5)
    with torch.no_grad():
        for a, b in val_loader:
            g = model(a).argmax(1)
            seen += torch.bincount(b, minlength=5)
            hit += torch.bincount(b[g == b], minlength=5)
    recall = hit / seen
    print("recalls", [round(v, 2) for v in recall.tolist()], "mean %.3f" % recall.mean().item())


if __name__ == "__main__":
    train()
