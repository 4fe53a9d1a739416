"""Tomorrow's temperature from twelve days of weather with an LSTM and explicit start state.

code: ND312
also:
object: rnn | h0 | c0 | start | lstm
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BATCH, STEPS = 32, 12
torch.manual_seed(48)


class Weather(nn.Module):
    def __init__(self, d=3, h=16):
        super().__init__()
        self.rnn = nn.LSTM(d, h, batch_first=True)
        self.out = nn.Linear(h, 1)
        self.h = h

    def start(self, x):
        zeros = x.new_zeros(1, BATCH, self.h)  # fault
        # fixed: zeros = x.new_zeros(1, len(x), self.h)
        return zeros, zeros.clone()

    def forward(self, x):
        seq, _ = self.rnn(x, self.start(x))  # here
        return self.out(seq[:, -1]).squeeze(1)


days = torch.arange(700.0)
temp = torch.sin(days * 2 * torch.pi / 60) + 0.3 * torch.sin(days * 2 * torch.pi / 7) + 0.05 * torch.randn(700)
wind, rain = torch.randn(700), torch.randn(700)
table = torch.stack([temp / temp[:500].std(), wind, rain], 1)
wins = table.unfold(0, STEPS, 1).transpose(1, 2)[:-1]
nxt = table[STEPS:, 0]
train_loader = DataLoader(TensorDataset(wins[:500], nxt[:500]), batch_size=BATCH, shuffle=True)
val_loader = DataLoader(TensorDataset(wins[520:648], nxt[520:648]), batch_size=BATCH)
model = Weather()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                loss_fn(model(x), y)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
