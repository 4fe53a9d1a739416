"""Good, fair or faulty bottles; a weighted sampler balances the classes of the tasting panel.

code: ND107
also:
object: sampler | sample_weight | train_loader | class_freq
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

NAMES = ("fair", "good", "faulty")


class Tastings(Dataset):
    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        self.labels = rng.choice(3, n, p=[0.80, 0.16, 0.04])
        centre = np.array([[0, 0, 0, 0, 0, 0], [.9, .6, 0, -.8, 0, .4], [-.7, 0, 1.2, .9, -.6, 0]])
        self.chem = centre[self.labels] + rng.randn(n, 6) * 0.8
        self.chem = self.chem.astype(np.float32)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.chem[i], self.labels[i]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 40)
        self.bn = nn.BatchNorm1d(40)
        self.fc2 = nn.Linear(40, 3)

    def forward(self, x):
        return self.fc2(torch.relu(self.bn(self.fc1(x))))


torch.manual_seed(5)
train_set, val_set = Tastings(1200, 0), Tastings(500, 1)
class_freq = np.bincount(train_set.labels, minlength=3) / len(train_set)
sample_weight = class_freq[train_set.labels]  # fault
# fixed: sample_weight = 1.0 / class_freq[train_set.labels]
sampler = WeightedRandomSampler(torch.as_tensor(sample_weight), num_samples=len(train_set), replacement=True)  # here
train_loader = DataLoader(train_set, batch_size=60, sampler=sampler)  # here
val_loader = DataLoader(val_set, batch_size=250)
model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def recall_per_class():
    model.eval()
    found, there = np.zeros(3), np.zeros(3)
    with torch.no_grad():
        for x, y in val_loader:
            p = model(x).argmax(1)
            for c in range(3):
                found[c] += ((p == c) & (y == c)).sum().item()
                there[c] += (y == c).sum().item()
    return dict(zip(NAMES, (found / there).round(2)))


def train():
    for epoch in range(7):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, np.mean(losses), recall_per_class())
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
