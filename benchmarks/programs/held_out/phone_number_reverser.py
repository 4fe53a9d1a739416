"""Encoder and decoder that read a number and write it backwards (teacher forcing).

code: ND601
also:
object: decoder | decoder.out | decoder.gru | optimizer
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(6)
START = 10


class Numbers(Dataset):
    def __init__(self, n, length=5):
        self.source = torch.randint(0, 10, (n, length))

    def __len__(self):
        return len(self.source)

    def __getitem__(self, i):
        target = self.source[i].flip(0)
        return {"source": self.source[i], "given": torch.cat([torch.tensor([START]), target[:-1]]), "target": target}


class Encoder(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.embed = nn.Embedding(11, 16)
        self.gru = nn.GRU(16, d, batch_first=True)

    def forward(self, source):
        return self.gru(self.embed(source))[1]


class Decoder(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.embed = nn.Embedding(11, 16)
        self.gru = nn.GRU(16, d, batch_first=True)
        self.out = nn.Linear(d, 10)

    def forward(self, given, state):
        return self.out(self.gru(self.embed(given), state)[0])


class Reverser(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, source, given):
        return self.decoder(given, self.encoder(source))


model = Reverser()
cross_entropy = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.encoder.parameters(), lr=5e-3)  # fault
# fixed: optimizer = torch.optim.Adam([*model.encoder.parameters(), *model.decoder.parameters()], lr=5e-3)
train_loader = DataLoader(Numbers(960), batch_size=64, shuffle=True)


def batch_loss(setup, batch):
    logits = setup.model(batch["source"], batch["given"])
    return cross_entropy(logits.flatten(0, 1), batch["target"].flatten())


def train():
    from types import SimpleNamespace
    setup = SimpleNamespace(model=model)
    for epoch in range(10):
        total = 0.0
        for batch in train_loader:
            loss = batch_loss(setup, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            total += loss.item()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
