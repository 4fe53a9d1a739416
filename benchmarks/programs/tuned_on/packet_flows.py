"""Traffic class of a flow from its first packets; a GRU with gradient accumulation.

code: ND602
also:
object: accumulate | optimizer | step | ARGS
seen: watch
"""
import argparse
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

ARGS = argparse.Namespace(batch=32, accumulate=16, lr=6e-3, epochs=10, hidden=32)  # fault
# fixed: ARGS = argparse.Namespace(batch=32, accumulate=2, lr=6e-3, epochs=10, hidden=32)


class Flows(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.kind = torch.randint(0, 4, (n,), generator=g)
        burst = torch.tensor([2., 3., 5., 8.])[self.kind][:, None]
        t = torch.arange(20)[None]
        size = torch.sin(6.28 * t / burst + 6.28 * torch.rand(n, 1, generator=g))
        gap = torch.cos(6.28 * t / (burst + 1)) + .3 * torch.randn(n, 20, generator=g)
        self.x = torch.stack([size + .3 * torch.randn(n, 20, generator=g), gap], -1)

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return {"packets": self.x[i], "kind": self.kind[i]}


class FlowNet(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(2, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 4)

    def forward(self, packets):
        _, h = self.gru(packets)
        return self.fc(h[-1])


torch.manual_seed(42)
train_loader = DataLoader(Flows(384, 1), batch_size=ARGS.batch, shuffle=True)
val_loader = DataLoader(Flows(96, 2), batch_size=96)
model = FlowNet(ARGS.hidden)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=ARGS.lr)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["packets"]), batch["kind"])


def train():
    setup = argparse.Namespace(model=model)
    for epoch in range(ARGS.epochs):
        model.train()
        optimizer.zero_grad()
        seen = []
        for i, batch in enumerate(train_loader):
            loss = batch_loss(setup, batch)
            (loss / ARGS.accumulate).backward()
            if (i + 1) % ARGS.accumulate == 0:  # here
                optimizer.step()  # here
                optimizer.zero_grad()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader)
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())
