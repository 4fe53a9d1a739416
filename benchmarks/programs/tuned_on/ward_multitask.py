"""One trunk, three bedside questions: sepsis (yes/no), length of stay, discharge ward.

code: ND203
also: ND601
object: heads | self.heads
seen: both
"""
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset, Subset


class Admissions(Dataset):
    def __init__(self, n=1500):
        g = torch.Generator().manual_seed(77)
        self.vitals = torch.randn(n, 16, generator=g)
        hidden = torch.tanh(self.vitals @ torch.randn(16, 6, generator=g) / 2)
        self.sepsis = (hidden[:, 0] * 2 + hidden[:, 1] > 0.0).float()
        stay = hidden @ torch.randn(6, generator=g)
        self.stay = (stay - stay.mean()) / stay.std()
        self.ward = (hidden @ torch.randn(6, 3, generator=g)).argmax(1)

    def __len__(self):
        return len(self.vitals)

    def __getitem__(self, i):
        return {"vitals": self.vitals[i], "sepsis": self.sepsis[i], "stay": self.stay[i], "ward": self.ward[i]}


class WardNet(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(16, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        sizes = {"sepsis": 1, "stay": 1, "ward": 3}
        self.heads = {task: nn.Linear(width, k) for task, k in sizes.items()}  # fault
        # fixed: self.heads = nn.ModuleDict({task: nn.Linear(width, k) for task, k in sizes.items()})

    def forward(self, vitals):
        z = self.trunk(vitals)
        return {task: head(z) for task, head in self.heads.items()}  # here


CRITERIA = {"sepsis": lambda o, t: nn.functional.binary_cross_entropy_with_logits(o.squeeze(1), t),
            "stay": lambda o, t: nn.functional.smooth_l1_loss(o.squeeze(1), t),
            "ward": nn.functional.cross_entropy}


def loss_fn(outputs, batch):
    return sum(CRITERIA[task](outputs[task], batch[task]) for task in CRITERIA)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["vitals"]), batch)


torch.manual_seed(1)
data = Admissions()
order = torch.randperm(len(data)).tolist()
train_loader = DataLoader(Subset(data, order[:1200]), batch_size=40, shuffle=True, drop_last=True)
val_loader = DataLoader(Subset(data, order[1200:]), batch_size=100)
model = WardNet()
optimizer = optim.AdamW(model.parameters(), lr=4e-3)  # here


def train():
    for epoch in range(8):
        model.train()
        seen = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["vitals"]), batch)
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(b["vitals"]), b).item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch}: train {sum(seen)/len(seen):.3f} val {val:.3f}")
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())
