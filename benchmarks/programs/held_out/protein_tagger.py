"""Tags helix or sheet for each residue of short chains with a transformer encoder and a linear warm-up.

code: ND605
also: ND606
object: scheduler | WARMUP | lr_lambda | optimizer
seen: both
"""
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(55)
RESIDUES, LENGTH = 20, 24
WARMUP = 500_000  # fault
# fixed: WARMUP = 20


def chains(n):
    x = torch.randint(0, RESIDUES, (n, LENGTH))
    score = (x < 9).float()
    padded = torch.cat([score[:, :1], score, score[:, -1:]], 1)
    local = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return x, (local >= 2).long()


class Tagger(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.residue = nn.Embedding(RESIDUES, d)
        self.place = nn.Parameter(torch.randn(LENGTH, d) * 0.1)
        self.mixer = nn.Conv1d(d, d, 3, padding=1)
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.tag = nn.Linear(d, 2)

    def forward(self, x):
        h = self.residue(x) + self.place
        h = h + self.mixer(h.transpose(1, 2)).transpose(1, 2)
        return self.tag(self.encoder(h)).transpose(1, 2)


train_loader = DataLoader(TensorDataset(*chains(384)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*chains(96)), batch_size=48)
model = Tagger()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARMUP))  # here


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, tags in train_loader:
            loss = loss_fn(model(x), tags)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == t).float().sum().item() for x, t in val_loader)
        print(epoch, total / len(train_loader), right / (96 * LENGTH))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
