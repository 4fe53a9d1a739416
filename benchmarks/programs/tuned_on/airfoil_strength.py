"""Airfoil self-noise regression.

code: ND201
also: ND202
object: init_weights | fill_ | hidden1.weight | hidden2.weight | out.weight | hidden1 | hidden2 | weight
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(8)

# frequency, angle of attack, chord length, free-stream velocity, displacement thickness
n = 1400
freq = torch.exp(torch.empty(n).uniform_(math.log(200), math.log(20000)))
angle = torch.empty(n).uniform_(0, 22)
chord = torch.empty(n).uniform_(0.025, 0.3)
velocity = torch.tensor([31.7, 39.6, 55.5, 71.3])[torch.randint(0, 4, (n,))]
thick = 0.0004 * torch.exp(0.16 * angle + 0.3 * torch.randn(n))
peak = 3.2 + 0.4 * (velocity / 50 - 1) - 0.5 * (chord / 0.15 - 1)
noise_db = 126 - 9 * (freq.log10() - peak) ** 2 + 0.12 * velocity - 0.25 * angle + 0.8 * torch.randn(n)

X = torch.stack([freq.log10(), angle, chord, velocity, thick.log10()], 1)
X = (X - X.mean(0)) / X.std(0)
y = ((noise_db - noise_db.mean()) / noise_db.std()).unsqueeze(1)
train_ds, test_ds = random_split(TensorDataset(X, y), [1120, 280])
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)
val_loader = DataLoader(test_ds, batch_size=280)


class Regressor(nn.Module):
    def __init__(self, n_features, n_hidden=40):
        super().__init__()
        self.hidden1 = nn.Linear(n_features, n_hidden)
        self.hidden2 = nn.Linear(n_hidden, n_hidden)
        self.out = nn.Linear(n_hidden, 1)

    def forward(self, x):
        x = torch.tanh(self.hidden1(x))
        x = torch.tanh(self.hidden2(x))
        return self.out(x)


def init_weights(m):
    if type(m) == nn.Linear:
        m.weight.data.fill_(0.01)  # fault
        # fixed: nn.init.xavier_uniform_(m.weight)
        m.bias.data.fill_(0.01)


model = Regressor(5)
model.apply(init_weights)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train(num_epochs=14):
    for epoch in range(num_epochs):
        model.train()
        losses = []
        for features, target in train_loader:
            loss = loss_fn(model(features), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            f, t = next(iter(val_loader))
            rmse = (model(f) - t).pow(2).mean().sqrt().item()
        print(f"Epoch [{epoch + 1}/{num_epochs}], Loss: {sum(losses) / len(losses):.4f}, test RMSE: {rmse:.4f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
