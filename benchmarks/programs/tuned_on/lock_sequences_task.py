"""A GRU reads six digits and repeats the first four: classification of each remembered place.

code: ND704
also:
object: hidden | hidden_size | GRU | CONFIG
seen: watch
"""
import torch
from torch import nn

CONFIG = {
    "hidden": 2,  # fault
    # fixed: "hidden": 64,
    "digits": 6,
    "batch": 64,
    "lr": 8e-3,
}
torch.manual_seed(59)
generator = torch.Generator().manual_seed(59)


class Locks:
    """An endless-looking loader: a fixed number of fresh batches per pass."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return self.batches

    def __iter__(self):
        for _ in range(self.batches):
            seq = torch.randint(0, CONFIG["digits"], (CONFIG["batch"], 6), generator=generator)
            yield seq, seq[:, :4]


class Memory(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.emb = nn.Embedding(CONFIG["digits"], 16)
        self.gru = nn.GRU(16, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 4 * CONFIG["digits"])

    def forward(self, seq):
        _, h = self.gru(self.emb(seq))
        return self.head(h[-1]).view(-1, 4, CONFIG["digits"])


train_loader, val_loader = Locks(60), Locks(5)
model = Memory(CONFIG["hidden"])
optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["lr"])


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    seq, want = batch
    return nn.functional.cross_entropy(net(seq).flatten(0, 1), want.flatten())


def train():
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(model, b).item() for b in val_loader) / len(val_loader)
    print("val", round(val, 3))


if __name__ == "__main__":
    train()
