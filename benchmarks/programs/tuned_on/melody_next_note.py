"""The next note of simple tunes with an LSTM; the rate falls a little every epoch.

code: ND606
also: ND605
object: scheduler | LambdaLR | decay | decayed
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(17)
SCALE = [0, 2, 4, 5, 7, 9, 11]
BASE = 0.01


class Tunes(Dataset):
    """Tunes walk up or down the scale and turn at the ends."""

    def __init__(self, count, length=20, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.tunes = []
        for _ in range(count):
            at, step = int(torch.randint(0, 14, (1,), generator=g)), 1
            step = 1 if torch.rand(1, generator=g) < 0.5 else -1
            notes = []
            for _ in range(length):
                notes.append(at)
                if not 0 <= at + step < 14:
                    step = -step
                at += step
            self.tunes.append(torch.tensor([SCALE[k % 7] + 12 * (k // 7) for k in notes]))

    def __len__(self):
        return len(self.tunes)

    def __getitem__(self, i):
        return self.tunes[i][:-1], self.tunes[i][1:]


class Player(nn.Module):
    def __init__(self):
        super().__init__()
        self.notes = nn.Embedding(24, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.out = nn.Linear(32, 24)

    def forward(self, x):
        return self.out(self.lstm(self.notes(x))[0]).transpose(1, 2)


def decayed(epoch):
    return BASE * 0.97**epoch  # fault
    # fixed: return 0.97**epoch


train_loader = DataLoader(Tunes(400, seed=1), batch_size=40, shuffle=True)
val_loader = DataLoader(Tunes(100, seed=2), batch_size=100)
model = Player()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=BASE)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=decayed)  # here


def train():
    for epoch in range(10):
        model.train()
        for now, after in train_loader:
            loss = loss_fn(model(now), after)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(a), b).item() for a, b in val_loader)
    print(f"val {val:.3f}")


if __name__ == "__main__":
    train()
