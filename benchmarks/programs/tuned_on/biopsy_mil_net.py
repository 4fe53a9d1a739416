"""Grades a biopsy from a bag of patch features; attention decides which patches count.

code: ND304
also:
object: softmax | attend | attention | weights | forward
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader


class Bags(Dataset):
    """Sixteen patches with ten features; only patches that look like gland tissue say something about the grade."""

    def __init__(self, n, seed):
        world = torch.Generator().manual_seed(5)
        gland, grades = torch.randn(10, generator=world), torch.randn(3, 10, generator=world)
        g = torch.Generator().manual_seed(seed)
        self.grade = torch.randint(0, 3, (n,), generator=g)
        x = torch.randn(n, 16, 10, generator=g)
        is_gland = (torch.rand(n, 16, 1, generator=g) < 0.2).float()
        confuse = grades[torch.randint(0, 3, (n, 16), generator=g)]
        x = x + is_gland * (1.2 * gland + 1.5 * grades[self.grade][:, None]) + (1 - is_gland) * (-1.2 * gland + 1.5 * confuse)
        self.patches = x / 2.2

    def __len__(self):
        return len(self.grade)

    def __getitem__(self, i):
        return self.patches[i], self.grade[i]


class GatedAttentionMIL(nn.Module):
    def __init__(self, d=10, h=24):
        super().__init__()
        self.embed = nn.Linear(d, h)
        self.v, self.u = nn.Linear(h, h), nn.Linear(h, h)
        self.attend = nn.Linear(h, 1)
        self.classify = nn.Linear(h, 3)

    def forward(self, patches):
        z = self.embed(patches)
        scores = self.attend(torch.tanh(self.v(z)) * torch.sigmoid(self.u(z)))  # here
        weights = torch.softmax(scores, dim=-1)  # fault
        # fixed: weights = torch.softmax(scores, dim=1)
        return self.classify((weights * z).sum(1))  # here


torch.manual_seed(52)
train_loader = DataLoader(Bags(700, 1), batch_size=28, shuffle=True)
val_loader = DataLoader(Bags(150, 2), batch_size=50)
model = GatedAttentionMIL()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)


def run_epoch(loader, learn):
    model.train(learn)
    total, hits, n = 0.0, 0, 0
    with torch.set_grad_enabled(learn):
        for patches, grade in loader:
            logits = model(patches)
            loss = loss_fn(logits, grade)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(grade)
            hits += (logits.argmax(1) == grade).sum().item()
            n += len(grade)
    return total / n, hits / n


def train():
    for epoch in range(14):
        loss, acc = run_epoch(train_loader, True)
        val_loss, val_acc = run_epoch(val_loader, False)
    print(f"train {loss:.3f}/{acc:.2f} val {val_loss:.3f}/{val_acc:.2f}")
    return loss


if __name__ == "__main__":
    print(train())
