"""Hours left in an engine from 30 cycles of four sensors (LSTM, mean-squared error).

code: ND706
also: ND604, ND503
object: optimizer | momentum | lr | history | loss
seen: watch
"""
import torch
from torch import nn

torch.manual_seed(44)


class Engines(torch.utils.data.Dataset):
    def __init__(self, n):
        wear = torch.rand(n, 1, 1)
        cycle = torch.linspace(0, 1, 30).view(1, 30, 1)
        direction = torch.tensor([1.0, -0.8, 0.5, 0.0])
        x = (wear * 2 * cycle ** 2) * direction + 0.2 * torch.randn(n, 30, 4)
        self.x = (x - x.mean((0, 1))) / x.std((0, 1))
        self.y = ((0.5 - wear) * 3.46).view(n, 1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"sensors": self.x[i], "left": self.y[i]}


class Remaining(nn.Module):
    def __init__(self, h=24):
        super().__init__()
        self.lstm = nn.LSTM(4, h, batch_first=True)
        self.out = nn.Linear(h, 1)

    def forward(self, sensors):
        return self.out(self.lstm(sensors)[0][:, -1])


data = Engines(640)
train_loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)
model = Remaining()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-2, momentum=0.9)  # fault
# fixed: optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return nn.functional.mse_loss(setup.model(batch["sensors"]), batch["left"])


class Everything:
    pass


def train():
    run = Everything()
    run.model = model
    history = []
    for epoch in range(10):
        for batch in train_loader:
            loss = batch_loss(run, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()  # here
            history.append(loss.item())
    return sum(history[-60:]) / 60


if __name__ == "__main__":
    print(train())
