"""Daily flow of oil wells from pressure and pump history; model selection by validation RMSE.

code: ND708
also:
object: rmse | evaluate | val_rmse | metric
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Wells(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.hist = torch.randn(n, 10, 2, generator=g).cumsum(1) / 2.5
        self.depth = torch.rand(n, 1, generator=g) * 2 - 1
        noise = 0.1 * torch.randn(n, generator=g)
        spike = (torch.rand(n, generator=g) < 0.06) * torch.randn(n, generator=g) * 1.5
        self.flow = 0.8 * self.hist[:, -1, 0] - 0.5 * self.hist[:, 4:, 1].mean(1) * self.depth[:, 0] + noise + spike

    def __len__(self):
        return len(self.flow)

    def __getitem__(self, i):
        return {"hist": self.hist[i], "depth": self.depth[i], "flow": self.flow[i]}


class FlowNet(nn.Module):
    def __init__(self, h=20):
        super().__init__()
        self.rnn = nn.GRU(2, h, batch_first=True)
        self.mix = nn.Sequential(nn.Linear(h + 1, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, hist, depth):
        return self.mix(torch.cat([self.rnn(hist)[1][-1], depth], 1)).squeeze(1)


torch.manual_seed(58)
train_loader = DataLoader(Wells(800, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(Wells(203, 1), batch_size=10)
model = FlowNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    return F.mse_loss(setup.model(batch["hist"], batch["depth"]), batch["flow"])


def rmse(pred, target):
    return F.mse_loss(pred, target).sqrt().item()


def evaluate():
    model.eval()
    preds, flows = [], []
    with torch.no_grad():
        for b in val_loader:
            preds.append(model(b["hist"], b["depth"]))
            flows.append(b["flow"])
    return sum(rmse(p, f) for p, f in zip(preds, flows)) / len(preds)  # fault
    # fixed: return rmse(torch.cat(preds), torch.cat(flows))


def train():
    best = float("inf")
    for epoch in range(8):
        model.train()
        keep = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = F.mse_loss(model(b["hist"], b["depth"]), b["flow"])
            loss.backward()
            optimizer.step()
            keep.append(loss.item())
        val_rmse = evaluate()  # here
        best = min(best, val_rmse)
        print(epoch, sum(keep) / len(keep), val_rmse)
    return sum(keep) / len(keep)


if __name__ == "__main__":
    print(train())
