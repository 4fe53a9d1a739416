"""Storm warning from pressure traces in hectopascal; the model centres each trace itself.

code: ND311
also: ND310
object: level | Centre | centre | spread | var
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Centre(nn.Module):
    """Zero mean and unit deviation for each trace."""

    def forward(self, p):
        mean = p.mean(-1, keepdim=True)
        var = (p * p).mean(-1, keepdim=True) - mean * mean  # fault
        # fixed: var = (p - mean).square().mean(-1, keepdim=True)
        return (p - mean) / (var.clamp(min=0) + 1e-4).sqrt()  # here


class Storm(nn.Module):
    def __init__(self):
        super().__init__()
        self.centre = Centre()  # here
        self.rnn = nn.GRU(1, 12, batch_first=True)
        self.fc = nn.Linear(12, 1)

    def forward(self, p):
        z = self.centre(p).unsqueeze(-1)
        return self.fc(self.rnn(z)[1][0]).squeeze(-1)


torch.manual_seed(19)
t = torch.linspace(0, 1, 20)
storm = torch.randint(0, 2, (480,)).float()
drop = (0.1 + 0.2 * torch.rand(480, 1)) * (t - 0.5) * (1 - 2 * storm[:, None])
trace = 1013 + 6 * torch.randn(480, 1) + drop + 0.02 * torch.sin(9 * t + torch.rand(480, 1) * 6)
train_loader = DataLoader(TensorDataset(trace[:400], storm[:400]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(trace[400:], storm[400:]), batch_size=80)
model = Storm()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(7):
        model.train()
        s = 0.0
        for p, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(p), y)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            v = [loss_fn(model(p), y).item() for p, y in val_loader]
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
