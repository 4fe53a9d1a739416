"""Mines among rocks in sonar echoes: hardly any mines in the survey.

code: ND107
also:
object: class 1 | loss_fn | pos_weight | targets | train_loader
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

BANDS = 40


class SonarSurvey(Dataset):
    def __init__(self, n, mines, seed):
        g = torch.Generator().manual_seed(seed)
        self.target = torch.zeros(n)
        self.target[torch.randperm(n, generator=g)[:mines]] = 1.0
        band = torch.arange(BANDS)
        rock = torch.exp(-((band - 14) / 9.0) ** 2)
        mine = torch.exp(-((band - 17) / 9.0) ** 2)
        echo = torch.where(self.target[:, None] == 1, mine, rock)
        echo = echo + 0.45 * torch.randn(n, BANDS, generator=g)
        self.echo = (echo - 0.40) / 0.57

    def __len__(self):
        return len(self.target)

    def __getitem__(self, i):
        return self.echo[i], self.target[i]


class EchoNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(BANDS, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1), nn.Flatten(0))

    def forward(self, echo):
        return self.net(echo)


torch.manual_seed(16)
train_set, val_set = SonarSurvey(2000, 40, 1), SonarSurvey(600, 12, 2)
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=200)
model = EchoNet()
loss_fn = nn.BCEWithLogitsLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss(pos_weight=(train_set.target == 0).sum() / (train_set.target == 1).sum())
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def found_mines():
    model.eval()
    with torch.no_grad():
        pairs = [(model(x) > 0, y > 0.5) for x, y in val_loader]
    guess, truth = (torch.cat(column) for column in zip(*pairs))
    return (guess & truth).sum().item() / truth.sum().item()


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"recall on mines {found_mines():.2f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
