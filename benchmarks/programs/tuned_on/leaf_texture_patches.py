"""Recognise the plant from a 12x12 patch of leaf texture (stripes, spots, mesh, smooth).

code: ND108
also:
object: train_loader | sampler | ClassBlocks | SequentialSampler | batch_sampler | BatchSampler
seen: both
"""
import torch
from torch import nn
from torch.utils.data import BatchSampler, ConcatDataset, DataLoader, RandomSampler, SequentialSampler, TensorDataset

gen = torch.Generator().manual_seed(33)
torch.manual_seed(33)


def patches(plant, n):
    r = torch.arange(12).float()
    phase = torch.rand(n, 1, 1, generator=gen) * 6.28
    if plant == 0:
        p = torch.sin(r * 1.6 + phase).expand(n, 12, 12)
    elif plant == 1:
        p = torch.sin(r * 1.1 + phase) * torch.sin(r[:, None] * 1.1 + phase)
    elif plant == 2:
        p = torch.sin(r[:, None] * 1.6 + phase).expand(n, 12, 12)
    else:
        p = torch.zeros(n, 12, 12)
    p = p + 0.9 * torch.randn(n, 12, 12, generator=gen)
    return TensorDataset(p.unsqueeze(1), torch.full((n,), plant))


train_set = ConcatDataset([patches(k, 400) for k in range(4)])  # one folder after the other
val_set = ConcatDataset([patches(k, 50) for k in range(4)])
batches = BatchSampler(SequentialSampler(train_set), batch_size=20, drop_last=False)  # fault
# fixed: batches = BatchSampler(RandomSampler(train_set), batch_size=20, drop_last=False)
train_loader = DataLoader(train_set, batch_sampler=batches)  # here
val_loader = DataLoader(val_set, batch_size=50)


class PatchNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.head = nn.Linear(160, 4)

    def forward(self, x):
        return self.head(self.body(x))


model = PatchNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train(epochs=4):
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(val_set)
    print("val accuracy", acc)


if __name__ == "__main__":
    train()
