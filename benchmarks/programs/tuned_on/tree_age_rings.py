"""Age of a tree from its trunk: girth, height, bark, crown. The table was ranked by age by the foresters.

code: ND108
also:
object: train_loader | sampler | SequentialSampler | trees | age | Forest
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, SequentialSampler

torch.manual_seed(139)


class Forest(Dataset):
    def __init__(self, count):
        age = (torch.rand(count) * 200).sort().values
        girth = 1.2 * age + 30 * torch.randn(count)
        height = 35 * (1 - torch.exp(-age / 60)) + 3 * torch.randn(count)
        bark = 0.02 * age + 0.6 * torch.randn(count)
        crown = 4 + 0.03 * age + 1.2 * torch.randn(count)
        x = torch.stack([girth, height, bark, crown], 1)
        self.x = (x - torch.tensor([120.0, 24.0, 2.0, 7.0])) / torch.tensor([75.0, 10.0, 1.3, 2.1])
        self.age = (age - 100) / 58

    def __len__(self):
        return len(self.age)

    def __getitem__(self, i):
        return self.x[i], self.age[i]


trees, other_trees = Forest(1000), Forest(250)
train_loader = DataLoader(trees, batch_size=10, sampler=SequentialSampler(trees))  # fault
# fixed: train_loader = DataLoader(trees, batch_size=10, sampler=RandomSampler(trees))
val_loader = DataLoader(other_trees, batch_size=250, sampler=SequentialSampler(other_trees))


class AgeNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.age = nn.Linear(width, 1)

    def forward(self, x):
        return self.age(self.stem(x)).squeeze(-1)


model = AgeNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train():
    for _ in range(6):
        model.train()
        for x, age in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), age).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, age = next(iter(val_loader))
        print("val mse", loss_fn(model(x), age).item())


if __name__ == "__main__":
    train()
