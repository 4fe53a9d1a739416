"""Bone age from five measured hand bones and sex, kept in bfloat16 to fit on the scanner's small computer.

code: ND807
also: ND605
object: model | bfloat16 | optimizer | dtype | DTYPE
seen: both
"""
import torch
from torch import nn

torch.manual_seed(95)
DTYPE = torch.bfloat16  # fault
# fixed: DTYPE = torch.float32


class AgeNet(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.inp = nn.Linear(6, width)
        self.mid = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        h = torch.tanh(self.inp(x.to(self.inp.weight.dtype)))
        h = h + torch.relu(self.mid(self.norm(h)))
        return self.out(h).float().squeeze(1)


def patients(n):
    age = torch.rand(n) * 3.4 - 1.7
    sex = torch.randint(0, 2, (n,)) * 2.0 - 1
    speed = torch.tensor([1.0, 0.8, 0.5, 1.2, 0.3])
    bones = torch.tanh(age[:, None] * speed + 0.4 * sex[:, None]) + 0.1 * torch.randn(n, 5)
    bones = (bones - 0.0) / 0.7
    return torch.utils.data.TensorDataset(torch.cat([bones, sex[:, None]], 1), age)


train_loader = torch.utils.data.DataLoader(patients(1200), batch_size=30, shuffle=True)
val_loader = torch.utils.data.DataLoader(patients(300), batch_size=150)
model = AgeNet().to(DTYPE)  # here
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-4)  # here


def train():
    for epoch in range(10):
        model.train()
        part = []
        for x, age in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), age)
            loss.backward()
            optimizer.step()
            part.append(loss.item())
        model.eval()
        with torch.no_grad():
            off = torch.cat([(model(x) - age).abs() for x, age in val_loader]).mean().item()
        print(f"{epoch} {sum(part) / len(part):.5f} off {off:.4f}")
    return sum(part) / len(part)


if __name__ == "__main__":
    train()
