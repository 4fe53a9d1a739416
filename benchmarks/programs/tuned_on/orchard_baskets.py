"""Worth of a basket of apples (a set of eight fruits with four measurements each): a deep-sets regressor.

code: ND706
also: ND604
object: lr | optimizer | SGD
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Baskets(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.fruit = torch.randn(n, 8, 4, generator=g)
        each = torch.relu(self.fruit[..., 0]) * 1.5 - self.fruit[..., 1] * self.fruit[..., 2] - 0.6
        self.worth = each.mean(1) / 0.46

    def __len__(self):
        return len(self.worth)

    def __getitem__(self, i):
        return self.fruit[i], self.worth[i]


class DeepSet(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.whole = nn.Linear(width, 1)

    def forward(self, fruit):
        return self.whole(self.each(fruit).mean(1)).squeeze(1)


torch.manual_seed(167)
train_loader = DataLoader(Baskets(1200, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(Baskets(300, 2), batch_size=150)
model = DeepSet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)  # fault
# fixed: optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
history = []


def train():
    for epoch in range(14):
        model.train()
        for fruit, worth in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(fruit), worth)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            history.append(sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader))


if __name__ == "__main__":
    train()
