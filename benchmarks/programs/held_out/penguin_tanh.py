"""Species of penguins-like birds from bill, flipper and mass; the classical tanh network from the lecture.

code: ND307
also: ND502
object: tanh | slope | steep | first | second
seen: checkup
"""
import torch
import torch.nn as nn

torch.manual_seed(10)


def birds(n):
    species = torch.randint(0, 3, (n,))
    angle = torch.rand(n) * 6.283
    radius = 0.8 + species.float() * 0.8 + 0.12 * torch.randn(n)
    x = torch.stack([radius * angle.cos(), radius * angle.sin(), torch.randn(n), torch.randn(n)], 1)
    return x, species


class TanhNet(nn.Module):
    slope = 60.0  # fault
    # fixed: slope = 1.0

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 32), nn.Linear(32, 32), nn.Linear(32, 3)
        for layer in (self.first, self.second, self.last):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.tanh(self.slope * self.first(x))  # here
        x = torch.tanh(self.slope * self.second(x))  # here
        return self.last(x)


x, y = birds(900)
x = (x - x[:700].mean(0)) / x[:700].std(0)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:700], y[:700]), batch_size=35, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[700:], y[700:]), batch_size=100)
model = TanhNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def train():
    for epoch in range(12):
        model.train()
        total = 0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item()
    model.eval()
    with torch.no_grad():
        print("validation accuracy", sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / 200)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
