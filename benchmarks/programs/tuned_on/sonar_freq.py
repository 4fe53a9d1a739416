"""Reads the frequency, decay and amplitude of a sonar echo by descent on a damped sinusoid.

code: ND705
also: ND704, ND202
object: model | omega | loss | history
seen: watch
"""
import torch
import torch.nn as nn

torch.manual_seed(33)
t = torch.linspace(0, 4, 800)
echo = 1.3 * torch.exp(-0.4 * t) * torch.sin(11.0 * t + 0.5)
echo = echo / echo.std() + 0.05 * torch.randn(800)


class Echo(nn.Module):
    def __init__(self, guess):
        super().__init__()
        self.omega = nn.Parameter(torch.tensor(float(guess)))
        self.decay = nn.Parameter(torch.tensor(0.3))
        self.a = nn.Parameter(torch.tensor(0.5))
        self.b = nn.Parameter(torch.tensor(0.5))

    def forward(self, time):
        return torch.exp(-self.decay * time) * (self.a * torch.sin(self.omega * time) + self.b * torch.cos(self.omega * time))


model = Echo(guess=3.0)  # fault
# fixed: model = Echo(guess=10.5)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(t, echo), batch_size=200, shuffle=True)


def train(steps=480):
    history = []
    while len(history) < steps:
        for time, value in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(time), value)  # here
            loss.backward()
            optimizer.step()
            history.append(loss.item())
    return sum(history[-40:]) / 40


if __name__ == "__main__":
    print(train(), {k: round(v.item(), 3) for k, v in model.named_parameters()})
