"""Click-through rate of adverts; the activation is a memory-saving swish that stores its input only.

code: ND505
also:
object: SwishFunction | Swish | swish | MemoryEfficientSwish
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class SwishFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad_output):  # here
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * (s * (1 - s))  # fault
        # fixed: return grad_output * (s * (1 + x * (1 - s)))


class MemoryEfficientSwish(nn.Module):
    def forward(self, x):
        return SwishFunction.apply(x)  # here


class Adverts(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        world = torch.Generator().manual_seed(99)
        site, brand = torch.randn(20, generator=world), torch.randn(30, generator=world)
        self.site = torch.randint(20, (n,), generator=g)
        self.brand = torch.randint(30, (n,), generator=g)
        self.dense = torch.randn(n, 4, generator=g)
        score = site[self.site] + brand[self.brand] + self.dense[:, 0] * self.dense[:, 1] - 0.5 * self.dense[:, 2]
        self.click = (torch.rand(n, generator=g) < torch.sigmoid(1.5 * score)).float()

    def __len__(self):
        return len(self.click)

    def __getitem__(self, i):
        x = torch.cat([self.site[i: i + 1].float(), self.brand[i: i + 1].float(), self.dense[i]])
        return x, self.click[i]


class CTR(nn.Module):
    def __init__(self, dim=8, width=48):
        super().__init__()
        self.site, self.brand = nn.Embedding(20, dim), nn.Embedding(30, dim)
        self.deep = nn.Sequential(
            nn.Linear(2 * dim + 4, width), MemoryEfficientSwish(),
            nn.Linear(width, width), MemoryEfficientSwish(),
            nn.Linear(width, 1))

    def forward(self, x):
        ids = x[:, :2].long()
        e = torch.cat([self.site(ids[:, 0]), self.brand(ids[:, 1]), x[:, 2:]], dim=1)
        return self.deep(e).squeeze(1)


torch.manual_seed(50)
train_loader = DataLoader(Adverts(1600, seed=1), batch_size=64, shuffle=True)
val_loader = DataLoader(Adverts(400, seed=2), batch_size=200)
model = CTR()  # here
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(f"epoch {epoch}: {total / len(train_loader):.4f} val {val:.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
