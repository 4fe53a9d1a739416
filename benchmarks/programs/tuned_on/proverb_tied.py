"""A GRU language model over made-up proverbs, output weights tied to the embedding.

code: ND204
also:
object: decoder.weight | embed.weight | decoder | embed
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(26)
VOCAB, LENGTH = 64, 20
successors = torch.stack([torch.randperm(VOCAB)[:3] for _ in range(VOCAB)])


def proverbs(n):
    words = torch.randint(VOCAB, (n, 1))
    for _ in range(LENGTH):
        choice = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), n, replacement=True)
        words = torch.cat([words, successors[words[:, -1], choice][:, None]], 1)
    return TensorDataset(words[:, :-1], words[:, 1:])


class ProverbModel(nn.Module):
    def __init__(self, dim=48, tie_weights=True):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.decoder = nn.Linear(dim, VOCAB, bias=False)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        if tie_weights:
            self.decoder.weight = nn.Parameter(self.embed.weight.clone())  # fault
            # fixed: self.decoder.weight = self.embed.weight

    def forward(self, words):
        states, _ = self.rnn(self.embed(words))
        return self.decoder(states)


model = ProverbModel(tie_weights=True)  # here
criterion = nn.CrossEntropyLoss()


def loss_fn(logits, targets):
    return criterion(logits.flatten(0, 1), targets.flatten())


train_loader = DataLoader(proverbs(400), batch_size=20, shuffle=True)
val_loader = DataLoader(proverbs(100), batch_size=50)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for words, following in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(words), following)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(w), f).item() for w, f in val_loader) / len(val_loader)
        print(epoch, sum(losses) / len(losses), val, "parameters", sum(p.numel() for p in model.parameters()))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
