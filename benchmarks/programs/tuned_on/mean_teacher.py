"""Mean teacher: digits with few labels, consistency with an averaged copy of the student.

code: none
trait: half of the parameters never get gradients nor belong to the optimizer (the averaged teacher), most labels are -1 (ignored), the second term's weight ramps up from 0
"""
import copy
import math

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(77)


class SemiDigits(Dataset):
    def __init__(self, x, y, labelled):
        self.x, self.y = x, y.clone()
        self.y[labelled:] = -1

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        weak = self.x[i] + 0.1 * torch.randn(64)
        strong = self.x[i] + 0.3 * torch.randn(64)
        return {"weak": weak, "strong": strong, "label": self.y[i]}


def net():
    return nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 10))


class MeanTeacher(nn.Module):
    def __init__(self, decay=0.97):
        super().__init__()
        self.student = net()
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.decay = decay

    def forward(self, x):
        return self.teacher(x) if not self.training else self.student(x)

    @torch.no_grad()
    def update_teacher(self):
        for t, s in zip(self.teacher.parameters(), self.student.parameters()):
            t.lerp_(s, 1 - self.decay)


data, target = load_digits(return_X_y=True)
order = torch.randperm(len(data))
x = (torch.tensor(data, dtype=torch.float32)[order] - 4.88) / 6.02
y = torch.tensor(target)[order]
train_loader = DataLoader(SemiDigits(x[:1400], y[:1400], labelled=350), batch_size=70, shuffle=True)
val_loader = DataLoader(list(zip(x[1400:], y[1400:])), batch_size=100)

model = MeanTeacher()
loss_fn = nn.CrossEntropyLoss(ignore_index=-1)
optimizer = torch.optim.Adam(model.student.parameters(), lr=2e-3)
RAMP = 60


def consistency_weight(step):
    return 1.0 * math.exp(-5 * (1 - min(step / RAMP, 1.0)) ** 2)


def losses(net, batch, weight):
    logits = net.student(batch["strong"])
    with torch.no_grad():
        guide = net.teacher(batch["weak"]).softmax(-1)
    return loss_fn(logits, batch["label"]) + weight * F.mse_loss(logits.softmax(-1), guide)


def batch_loss(setup, batch):
    return losses(setup.model, batch, 1.0)


def train():
    step = 0
    for epoch in range(7):
        model.train()
        history = []
        for batch in train_loader:
            loss = losses(model, batch, consistency_weight(step))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            model.update_teacher()
            step += 1
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(xb).argmax(1) == yb for xb, yb in val_loader]).float().mean().item()
        print(f"{epoch}: {sum(history) / len(history):.4f} teacher acc {acc:.3f}")
    return sum(history) / len(history)


if __name__ == "__main__":
    print(train())
