"""Log price of second-hand cars from four numbers, a brand and a fuel (entity embeddings).

code: ND303
also: ND206
object: brand | brand_emb | cat | forward
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
N = 1200
numbers = torch.randn(N, 4)
brand = torch.randint(0, 12, (N,))
fuel = torch.randint(0, 3, (N,))
brand_value = torch.randn(12)
price = 0.5 * numbers[:, 0] - 0.4 * numbers[:, 1] + 0.3 * numbers[:, 2] * numbers[:, 3] + brand_value[brand] + 0.2 * fuel + 0.1 * torch.randn(N)
price = (price - price[:1000].mean()) / price[:1000].std()


class PriceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.brand_emb = nn.Embedding(12, 6)  # here
        self.fuel_emb = nn.Embedding(3, 6)
        self.net = nn.Sequential(nn.Linear(4 + 6 + 6, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))

    def forward(self, inputs):
        numbers, brand, fuel = inputs
        b = self.brand_emb(brand)  # here
        f = self.fuel_emb(fuel)
        x = torch.cat([numbers, f, f], dim=1)  # fault
        # fixed: x = torch.cat([numbers, b, f], dim=1)
        return self.net(x)


def collate(rows):
    n, b, f, p = zip(*rows)
    return (torch.stack(n), torch.stack(b), torch.stack(f)), torch.stack(p)[:, None]


data = TensorDataset(numbers, brand, fuel, price)
train_loader = DataLoader(torch.utils.data.Subset(data, range(1000)), 50, shuffle=True, collate_fn=collate)
val_loader = DataLoader(torch.utils.data.Subset(data, range(1000, N)), 100, collate_fn=collate)
model = PriceNet()
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def run_epoch(loader, learn):
    model.train(learn)
    total, count = 0.0, 0
    with torch.set_grad_enabled(learn):
        for inputs, target in loader:
            loss = loss_fn(model(inputs), target)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(target)
            count += len(target)
    return total / count


def train():
    for epoch in range(15):
        tr, va = run_epoch(train_loader, True), run_epoch(val_loader, False)
        if epoch % 5 == 4:
            print(f"{epoch + 1:3d} {tr:.4f} {va:.4f}")
    return tr


if __name__ == "__main__":
    print(train())
