"""Next product category from a shopper's past baskets; new shoppers have an empty past.

code: ND309
also: ND308
object: att | history | pad | key_padding_mask | mask
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Shoppers(Dataset):
    def __init__(self, n, seed, slots=8):
        g = torch.Generator().manual_seed(seed)
        self.rows = []
        for i in range(n):
            favourite = torch.randint(0, 6, (1,), generator=g).item()
            k = 0 if i % 25 == 3 else int(torch.randint(2, slots + 1, (1,), generator=g))
            past = torch.zeros(slots, dtype=torch.long)
            past[:k] = 1 + favourite * 4 + torch.randint(0, 4, (k,), generator=g)
            self.rows.append({"past": past, "hour": torch.randn(3, generator=g), "next": favourite})

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class Basket(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.items = nn.Embedding(25, d, padding_idx=0)
        self.query = nn.Linear(3, d)
        self.att = nn.MultiheadAttention(d, 2, batch_first=True)
        self.out = nn.Linear(2 * d, 6)

    def forward(self, past, hour):
        pad = past == 0
        q = self.query(hour).unsqueeze(1)
        got, weights = self.att(q, self.items(past), self.items(past), key_padding_mask=pad)  # fault
        # fixed: empty = pad.all(1, keepdim=True)
        # fixed: got, weights = self.att(q, self.items(past), self.items(past), key_padding_mask=pad & ~empty)
        # fixed: got = got * ~empty.unsqueeze(-1)
        return self.out(torch.cat([got, q], -1).squeeze(1))


torch.manual_seed(37)
model = Basket()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(Shoppers(400, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(Shoppers(100, 1), batch_size=50)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["past"], batch["hour"]), batch["next"])


def train():
    for _ in range(8):
        model.train()
        s = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(b["past"], b["hour"]), b["next"])
            loss.backward()
            optimizer.step()
            s.append(loss.item())
        model.eval()
        with torch.no_grad():
            [loss_fn(model(b["past"], b["hour"]), b["next"]) for b in val_loader]
    return sum(s) / len(s)


if __name__ == "__main__":
    print(train())
