"""A small owl-call recogniser learns from the soft labels of a bigger one (distillation).

code: ND402
also:
object: kd_loss | student | kl_div | F.kl_div | soft_student
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

T = 2.0


def soft(logits):
    return F.softmax(logits / T, dim=1)


def kd_loss(student_logits, teacher_logits):
    p_student = soft(student_logits)  # fault
    # fixed: p_student = F.log_softmax(student_logits / T, dim=1)
    p_teacher = soft(teacher_logits)
    return F.kl_div(p_student, p_teacher, reduction="batchmean") * T * T  # here


torch.manual_seed(17)
centres = torch.randn(7, 20) * 1.3
species = torch.randint(0, 7, (1100,))
mfcc = centres[species] + torch.randn(1100, 20)
mfcc = (mfcc - mfcc[:900].mean(0)) / mfcc[:900].std(0)

teacher = nn.Sequential(nn.Linear(20, 7)).eval().requires_grad_(False)
with torch.no_grad():  # closed-form linear discriminant as teacher
    mu = torch.stack([mfcc[:900][species[:900] == k].mean(0) for k in range(7)])
    teacher[0].weight.copy_(mu)
    teacher[0].bias.copy_(-0.5 * (mu ** 2).sum(1))
    soft_targets = teacher(mfcc)

student = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 7))
model = student
loss_fn = kd_loss
train_loader = DataLoader(TensorDataset(mfcc[:900], soft_targets[:900]), batch_size=45, shuffle=True)
val_loader = DataLoader(TensorDataset(mfcc[900:], soft_targets[900:]), batch_size=100)
optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)


def agreement():
    student.eval()
    with torch.no_grad():
        same = sum((student(x).argmax(1) == t.argmax(1)).sum().item() for x, t in val_loader)
    student.train()
    return same / 200


def train():
    for epoch in range(10):
        window = []
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = kd_loss(student(x), t)  # here
            loss.backward()
            optimizer.step()
            window.append(loss.item())
        print("agreement", agreement())
    return sum(window) / len(window)


if __name__ == "__main__":
    print(train())
