"""How full is the reservoir after 60 hours of rain, with a ReLU RNN (memory test).

code: ND503
also: ND202, ND706
object: rnn | weight_hh_l0 | rnn.weight_hh_l0
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1234)
T = 60


def reservoir(n):
    """rain per hour -> level now, with a slow leak"""
    rain = torch.randn(n, T)
    leak = 0.9 ** torch.arange(T - 1, -1, -1)
    level = (rain * leak).sum(1) / leak.square().sum().sqrt()
    return rain.unsqueeze(-1), level


class ReservoirRNN(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, nonlinearity="relu", batch_first=True)
        self.fc = nn.Linear(hidden, 1)
        for name, p in self.rnn.named_parameters():
            if "weight_ih" in name:
                nn.init.normal_(p, std=0.1)
            elif "weight_hh" in name:
                nn.init.normal_(p, std=0.2)  # fault
                # fixed: nn.init.orthogonal_(p)
            else:
                nn.init.zeros_(p)

    def forward(self, x):
        out, _ = self.rnn(x)  # here
        return self.fc(out[:, -1]).squeeze(-1)


train_loader = DataLoader(TensorDataset(*reservoir(960)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*reservoir(200)), batch_size=100)
model = ReservoirRNN()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)


def train(epochs=6):
    for epoch in range(1, epochs + 1):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
