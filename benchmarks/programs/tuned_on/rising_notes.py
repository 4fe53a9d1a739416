"""Does a short tune rise or fall? A transformer encoder over eight notes.

code: ND206
also: ND303
object: place | positions | Parameter | forward | Tune
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
NOTES, LENGTH = 24, 8


class Tune(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.note = nn.Embedding(NOTES, dim)
        self.place = nn.Parameter(0.5 * torch.randn(1, LENGTH, dim))
        block = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(block, 1)
        self.head = nn.Linear(dim, 2)

    def forward(self, tune):
        h = self.note(tune)  # fault
        # fixed: h = self.note(tune) + self.place
        h = self.encoder(h)
        return self.head(h.mean(1))


def tunes(n):
    base = torch.sort(torch.randint(0, NOTES, (n, LENGTH)), 1).values
    rises = torch.randint(0, 2, (n,))
    tune = torch.where(rises[:, None] == 1, base, base.flip(1))
    return TensorDataset(tune, rises)


data = tunes(1100)
train_set, val_set = torch.utils.data.random_split(data, [800, 300])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=300)

model = Tune()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(6):
        model.train()
        for tune, rises in train_loader:
            optimizer.zero_grad()
            loss_fn(model(tune), rises).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for tune, rises in val_loader:
            print("val accuracy", round((model(tune).argmax(1) == rises).float().mean().item(), 3))


if __name__ == "__main__":
    train()
