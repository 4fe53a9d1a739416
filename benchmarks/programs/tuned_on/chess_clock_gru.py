"""Does a blitz player lose on time? Read from the seconds spent on the first twenty-five moves.

code: ND303
also: ND501
object: cell | h | forward | cell.weight_hh
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(27)
GAMES, MOVES = 1600, 25


def games():
    temper = torch.randn(GAMES, 1)
    hard = torch.randn(GAMES, MOVES)
    seconds = torch.exp(1.0 + 0.35 * temper + 0.5 * hard + 0.2 * torch.randn(GAMES, MOVES))
    left = 110 - seconds.sum(1)
    flagged = (left + 6 * torch.randn(GAMES) < 110 - seconds.sum(1).median()).float()
    x = torch.stack([(seconds.log() - 1.0) / 0.65, hard], -1)
    return TensorDataset(x, flagged)


class ClockReader(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.hidden = hidden
        self.cell = nn.GRUCell(2, hidden)  # here
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.hidden)
        for t in range(x.size(1)):
            h = self.cell(x[:, t])  # fault
            # fixed: h = self.cell(x[:, t], h)
        return self.out(h).squeeze(1)


train_set, val_set = random_split(games(), [1300, 300])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model = ClockReader()
loss_fn = F.binary_cross_entropy_with_logits
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        log = []
        for x, flagged in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), flagged)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(x) > 0).float() == f for x, f in val_loader]).float().mean().item()
        print(epoch, round(sum(log) / len(log), 3), round(acc, 3))
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
