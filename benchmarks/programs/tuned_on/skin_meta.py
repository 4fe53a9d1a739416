"""Skin lesions: a photo plus patient metadata (age, sex, site), late fusion.

code: ND303
also: ND206
object: meta | meta_net | meta_net.0.weight | fuse | meta input
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Lesions(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.photo = torch.randn(n, 3, 12, 12, generator=g) * 0.8
        blob = torch.randint(0, 2, (n,), generator=g)
        self.photo[:, 0, 4:8, 4:8] += 1.2 * blob[:, None, None]
        self.meta = torch.cat([torch.randn(n, 1, generator=g), torch.randint(0, 2, (n, 4), generator=g).float() * 2 - 1], 1)
        risk = 1.5 * blob - 0.75 + self.meta[:, 0] + 0.5 * self.meta[:, 2]
        self.label = (risk > 0).long()

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return (self.photo[i], self.meta[i]), self.label[i]


class Fusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 16, 16), nn.ReLU())
        self.meta_net = nn.Sequential(nn.Linear(5, 16), nn.ReLU())  # here
        self.head = nn.Linear(32, 2)

    def fuse(self, image_vec, meta_vec):
        return torch.cat((image_vec, image_vec), dim=1)  # fault
        # fixed: return torch.cat((image_vec, meta_vec), dim=1)

    def forward(self, inputs):
        photo, meta = inputs
        return self.head(self.fuse(self.cnn(photo), self.meta_net(meta)))  # here


torch.manual_seed(10)
model = Fusion()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_loader = DataLoader(Lesions(360, 0), batch_size=36, shuffle=True)
val_loader = DataLoader(Lesions(120, 1), batch_size=60)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for inputs, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), label)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        hits = 0
        with torch.no_grad():
            for inputs, label in val_loader:
                hits += (model(inputs).argmax(1) == label).sum().item()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
