"""Will the shopper buy? Click paths through the shop, LSTM over the last clicks, two collate functions.

code: ND106
also:
object: collate_eval | val_loader | paths | pad
seen: both
"""
import torch
from torch import nn
from torch.nn.functional import pad
from torch.utils.data import DataLoader

torch.manual_seed(73)
PAGES, LONGEST = 15, 24


def shopper():
    n = int(torch.randint(4, LONGEST - 3, ()))
    path = torch.randint(1, PAGES, (n,))
    score = torch.isin(path[-4:], torch.tensor([3, 5, 8, 11])).float().sum() - torch.isin(path[-4:], torch.tensor([1, 2, 14])).float().sum()
    return path, float(score + 0.3 * torch.randn(()) > 0.4)


def collate_fit(batch):
    paths = torch.stack([pad(p, (LONGEST - len(p), 0)) for p, _ in batch])
    return paths, torch.tensor([[b] for _, b in batch])


def collate_eval(batch):
    paths = torch.stack([pad(p, (0, LONGEST - len(p))) for p, _ in batch])  # fault
    # fixed: paths = torch.stack([pad(p, (LONGEST - len(p), 0)) for p, _ in batch])
    bought = torch.tensor([[b] for _, b in batch])
    return paths, bought  # here


people = [shopper() for _ in range(1000)]
train_loader = DataLoader(people[:800], batch_size=40, shuffle=True, collate_fn=collate_fit)
val_loader = DataLoader(people[800:], batch_size=100, collate_fn=collate_eval)  # here


class Buyer(nn.Module):
    def __init__(self):
        super().__init__()
        self.page = nn.Embedding(PAGES, 10, padding_idx=0)
        self.lstm = nn.LSTM(10, 24, batch_first=True)
        self.will = nn.Linear(24, 1)

    def forward(self, paths):
        seq, _ = self.lstm(self.page(paths))
        return self.will(seq[:, -1])


model = Buyer()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)


def epoch(loader, optimizer=None):
    model.train(optimizer is not None)
    losses, hits, n = [], 0, 0
    for paths, bought in loader:
        with torch.set_grad_enabled(optimizer is not None):
            logits = model(paths)
            loss = loss_fn(logits, bought)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
        losses.append(loss.item())
        hits += ((logits > 0) == (bought > 0.5)).sum().item()
        n += len(bought)
    return sum(losses) / len(losses), hits / n


def train():
    for _ in range(9):
        loss, _ = epoch(train_loader, optimizer)
        val_loss, val_acc = epoch(val_loader)
    print("val", val_loss, val_acc)
    return loss


if __name__ == "__main__":
    print(train())
