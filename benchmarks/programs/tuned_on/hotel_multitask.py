"""Hotel desk: cancellation, length of stay and three kinds of spending from one booking, weighted losses.

code: none
trait: several losses with weights; (N, 3) errors times a (3,) weight row broadcast on purpose; dict of outputs
"""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(400)
N = 1100
booking = torch.randn(N, 9)
cancel = (booking[:, 0] + booking[:, 1] * booking[:, 2] > 0).float()
stay = booking[:, 3] + 0.5 * booking[:, 4].abs() - 0.4 + 0.1 * torch.randn(N)
spend = torch.tanh(booking[:, :4] @ torch.randn(4, 3)) + 0.1 * torch.randn(N, 3)
rows = [{"booking": b, "cancel": c, "stay": s, "spend": p} for b, c, s, p in zip(booking, cancel, stay, spend)]
train_loader = torch.utils.data.DataLoader(rows[:900], batch_size=45, shuffle=True)
val_loader = torch.utils.data.DataLoader(rows[900:], batch_size=100)


class Desk(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.heads = nn.ModuleDict({"cancel": nn.Linear(64, 1), "stay": nn.Linear(64, 1), "spend": nn.Linear(64, 3)})

    def forward(self, booking):
        h = self.trunk(booking)
        out = {name: head(h) for name, head in self.heads.items()}
        out["cancel"], out["stay"] = out["cancel"].squeeze(1), out["stay"].squeeze(1)
        return out


WEIGHTS = {"cancel": 1.0, "stay": 0.5, "spend": 2.0}
SPEND_ROW = torch.tensor([0.5, 0.3, 0.2])


def losses(out, batch):
    return {
        "cancel": F.binary_cross_entropy_with_logits(out["cancel"], batch["cancel"]),
        "stay": F.smooth_l1_loss(out["stay"], batch["stay"]),
        "spend": ((out["spend"] - batch["spend"]).pow(2) * SPEND_ROW).sum(1).mean(),
    }


def batch_loss(setup, batch):
    parts = losses(setup.model(batch["booking"]), batch)
    return sum(WEIGHTS[k] * v for k, v in parts.items())


model = Desk()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    class Job:
        pass
    job = Job(); job.model = model
    for epoch in range(10):
        model.train()
        run = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(job, batch)
            loss.backward()
            optimizer.step()
            run += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            parts = [losses(model(b["booking"]), b) for b in val_loader]
        print(epoch, round(run, 4), {k: round(sum(p[k].item() for p in parts) / len(parts), 4) for k in WEIGHTS})
    return run


if __name__ == "__main__":
    print(train())
