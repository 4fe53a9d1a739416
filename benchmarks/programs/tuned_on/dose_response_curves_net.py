"""The whole response curve of a patient, whose visits vary in number, from five blood values.

code: ND113
also:
object: pad | curves | pad_sequence | batch_loss | collate | lengths
seen: both
"""
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(15)
LONGEST = 16


class Patients(Dataset):
    def __init__(self, n):
        self.blood = torch.randn(n, 5)
        self.lengths = torch.randint(3, LONGEST + 1, (n,))
        t = torch.arange(LONGEST) / 5
        up = 2 + 0.5 * self.blood[:, :1]
        self.curve = up * torch.exp(-t * torch.sigmoid(self.blood[:, 1:2]) * 0.3) + 0.3 * self.blood[:, 2:3] * t
        self.curve = self.curve + 0.05 * torch.randn(n, LONGEST)

    def __len__(self):
        return len(self.blood)

    def __getitem__(self, i):
        return self.blood[i], self.curve[i, :self.lengths[i]]


def collate(items):
    blood, curves = zip(*items)
    lengths = torch.tensor([len(c) for c in curves])
    curves = pad_sequence(list(curves) + [torch.zeros(LONGEST)], batch_first=True)[:-1]
    return torch.stack(blood), curves, lengths


train_loader = DataLoader(Patients(500), batch_size=25, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Patients(200), batch_size=200, collate_fn=collate)
model = nn.Sequential(nn.Linear(5, 48), nn.ReLU(), nn.Linear(48, LONGEST))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def real(lengths):
    return torch.arange(LONGEST) < lengths.unsqueeze(1)


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    blood, curves, lengths = batch
    pred = net(blood)
    return loss_fn(pred, curves)  # fault
    # fixed: return loss_fn(pred[real(lengths)], curves[real(lengths)])


def train():
    for epoch in range(25):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        blood, curves, lengths = next(iter(val_loader))
        m = real(lengths)
        print("val mse on real visits %.3f" % ((model(blood) - curves)[m] ** 2).mean().item())


if __name__ == "__main__":
    train()
