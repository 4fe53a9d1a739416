"""Sort seeds into six varieties by nine shape measurements; the body is frozen once it is 'warm'.

code: ND705
also: ND501
object: WARM_STEPS | requires_grad_ | body
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)
WARM_STEPS = 5  # fault
# fixed: WARM_STEPS = 5000

shape = torch.randn(4000, 9)
score = torch.stack([
    shape[:, 0] * shape[:, 1], shape[:, 2] ** 2 - 1, shape[:, 3] * shape[:, 4],
    shape[:, 5].abs() * 1.6 - 1.3, shape[:, 6] * shape[:, 7], -shape[:, 8] ** 2 + 1,
], 1)
variety = score.argmax(1)
train_loader = DataLoader(TensorDataset(shape[:3600], variety[:3600]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(shape[3600:], variety[3600:]), batch_size=400)


class Sorter(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 10), nn.Tanh())
        self.head = nn.Linear(10, 6)

    def forward(self, x):
        return self.head(self.body(x))


model = Sorter()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    step = 0
    for epoch in range(6):
        model.train()
        for a, b in train_loader:
            if step == WARM_STEPS:
                model.body.requires_grad_(False)  # here
            optimizer.zero_grad(set_to_none=True)
            loss_fn(model(a), b).backward()
            optimizer.step()
            step += 1
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print("val", round(val, 3))


if __name__ == "__main__":
    train()
