"""A small student learns the soft answers that a large teacher gave for each sample (stored with the data).

code: ND402
also: ND401
object: KLDivLoss | loss_fn | softmax | forward
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(120)
CLASSES, DIM, T = 6, 12, 2.0
centres = 1.3 * torch.randn(CLASSES, DIM)


class TeacherAnswers(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        truth = torch.randint(0, CLASSES, (n,), generator=g)
        self.x = (centres[truth] + torch.randn(n, DIM, generator=g)) / 1.6
        teacher_logits = -0.5 * (1.6 * self.x[:, None] - centres[None]).pow(2).sum(-1)
        self.soft = torch.softmax(teacher_logits / T, dim=1)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.soft[i]


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(DIM, 24)
        self.b = nn.Linear(24, CLASSES)

    def forward(self, x):
        z = self.b(torch.tanh(self.a(x)))
        return torch.softmax(z / T, dim=1)  # fault
        # fixed: return torch.log_softmax(z / T, dim=1)


train_loader = DataLoader(TeacherAnswers(1000, 1), batch_size=50, shuffle=True)
val_loader = DataLoader(TeacherAnswers(250, 2), batch_size=125)
model = Student()
loss_fn = nn.KLDivLoss(reduction="batchmean")  # here
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)


def agreement():
    model.eval()
    with torch.no_grad():
        same = [model(x).argmax(1) == soft.argmax(1) for x, soft in val_loader]
    return torch.cat(same).float().mean().item()


def train():
    for epoch in range(12):
        model.train()
        kl = 0.0
        for x, soft in train_loader:
            loss = loss_fn(model(x), soft)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            kl += loss.item() / len(train_loader)
        print(f"{epoch:2d} kl {kl:.4f} agreement {agreement():.3f}")
    return kl


if __name__ == "__main__":
    print(train())
