"""Loudness of each instrument in a hall: a general curve plus a correction per instrument.

code: ND203
also: ND601
object: offset | slope | zeros | Hall
seen: both
"""
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)
PLAYERS = 25
own = torch.randn(PLAYERS) * 1.5
tilt = torch.randn(PLAYERS)
who = torch.randint(0, PLAYERS, (1600,))
distance = torch.randn(1600, 1)
loud = own[who] + tilt[who] * distance[:, 0] - torch.tanh(distance[:, 0]) + 0.1 * torch.randn(1600)
loud = ((loud - loud.mean()) / loud.std()).unsqueeze(1)


class Hall(nn.Module):
    def __init__(self):
        super().__init__()
        self.curve = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
        self.offset = torch.zeros(PLAYERS, 1, requires_grad=True)  # fault
        # fixed: self.offset = nn.Parameter(torch.zeros(PLAYERS, 1))
        self.slope = torch.zeros(PLAYERS, 1, requires_grad=True)  # fault
        # fixed: self.slope = nn.Parameter(torch.zeros(PLAYERS, 1))

    def forward(self, distance, who):
        return self.curve(distance) + self.offset[who] + self.slope[who] * distance


model = Hall()
mse = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.02)
train_loader = DataLoader(TensorDataset(distance[:1300], who[:1300], loud[:1300]), batch_size=65, shuffle=True)
val_loader = DataLoader(TensorDataset(distance[1300:], who[1300:], loud[1300:]), batch_size=100)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    distance, who, loud = batch
    return mse(model(distance, who), loud)


def train():
    for epoch in range(15):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(batch_loss(model, b).item() for b in val_loader) / 3))


if __name__ == "__main__":
    train()
