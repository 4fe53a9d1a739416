"""Rating of a hostel from a bag of guest remarks; the order of remarks must not matter.

code: none
trait: output ignores the order of its input on purpose; bidirectional attention without mask; padded rows masked with -inf (never a full row)
"""
import torch
from torch import nn
from torch.utils.data import DataLoader

gen = torch.Generator().manual_seed(31)
MOOD = torch.randn(30, generator=gen)


def hostel():
    n = int(torch.randint(3, 9, (1,), generator=gen))
    remarks = torch.randint(1, 31, (n,), generator=gen)
    return remarks, MOOD[remarks - 1].mean() * 2


def collate(rows):
    remarks, rating = zip(*rows)
    ids = nn.utils.rnn.pad_sequence(remarks, batch_first=True)
    return {"ids": ids, "absent": ids == 0, "rating": torch.stack(rating)}


class Remarks(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.emb = nn.Embedding(31, d, padding_idx=0)
        self.mix = nn.TransformerEncoderLayer(d, 2, 32, dropout=0.0, batch_first=True)
        self.vote = nn.Linear(d, 1)

    def forward(self, ids, absent):
        h = self.mix(self.emb(ids), src_key_padding_mask=absent)
        w = h.new_zeros(absent.shape).masked_fill(absent, float("-inf")).softmax(-1)
        return (w * self.vote(h).squeeze(-1)).sum(-1)


torch.manual_seed(31)
train_loader = DataLoader([hostel() for _ in range(400)], batch_size=40, shuffle=True, collate_fn=collate)
val_loader = DataLoader([hostel() for _ in range(80)], batch_size=40, collate_fn=collate)
model = Remarks()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["ids"], batch["absent"]), batch["rating"])


def train():
    for _ in range(10):
        model.train()
        s = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(b["ids"], b["absent"]), b["rating"])
            loss.backward()
            optimizer.step()
            s.append(loss.item())
        model.eval()
        with torch.no_grad():
            [loss_fn(model(b["ids"], b["absent"]), b["rating"]) for b in val_loader]
    return sum(s) / len(s)


if __name__ == "__main__":
    print(train())
