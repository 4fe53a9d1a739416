"""Recommend recipes: factorise the matrix of readers and recipes.

code: ND201
also: ND501 | ND502
object: readers | recipes | zeros | Factors | Parameter
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

torch.manual_seed(31)
N_READERS, N_RECIPES, RANK = 80, 60, 6
taste = torch.randn(N_READERS, 3)
style = torch.randn(N_RECIPES, 3)
full = taste @ style.T / 3**0.5 + 0.1 * torch.randn(N_READERS, N_RECIPES)


class Ratings(Dataset):
    def __init__(self, cells):
        self.reader, self.recipe = cells // N_RECIPES, cells % N_RECIPES
        self.stars = full[self.reader, self.recipe]

    def __len__(self):
        return len(self.stars)

    def __getitem__(self, rows):
        return self.reader[rows], self.recipe[rows], self.stars[rows]


cells = torch.randperm(N_READERS * N_RECIPES)
train_set, val_set = Ratings(cells[:3800]), Ratings(cells[3800:])
train_loader = DataLoader(train_set, sampler=BatchSampler(RandomSampler(train_set), 100, False), batch_size=None)
val_loader = DataLoader(val_set, sampler=BatchSampler(range(len(val_set)), 500, False), batch_size=None)


class Factors(nn.Module):
    def __init__(self, rank):
        super().__init__()
        self.readers = nn.Parameter(torch.zeros(N_READERS, rank))  # fault
        # fixed: self.readers = nn.Parameter(0.3 * torch.randn(N_READERS, rank))
        self.recipes = nn.Parameter(torch.zeros(N_RECIPES, rank))  # fault
        # fixed: self.recipes = nn.Parameter(0.3 * torch.randn(N_RECIPES, rank))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, reader, recipe):
        return (self.readers[reader] * self.recipes[recipe]).sum(-1) + self.bias  # here


model = Factors(RANK)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def batch_loss(setup, batch):
    reader, recipe, stars = batch
    return loss_fn(setup.model(reader, recipe), stars)


def train():
    for epoch in range(20):
        model.train()
        for reader, recipe, stars in train_loader:
            optimizer.zero_grad()
            loss_fn(model(reader, recipe), stars).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        whole = val_set[torch.arange(len(val_set))]
        print("val mse", loss_fn(model(*whole[:2]), whole[2]).item())


if __name__ == "__main__":
    train()
