"""Next-word GRU on toy poems; input and output embeddings share one matrix (Press & Wolf).

code: ND204
also:
object: out | out.weight | emb | emb.weight | tie_weights
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

NOUNS, VERBS, ADJ = list(range(2, 12)), list(range(12, 20)), list(range(20, 30))


class Poems(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        pick = lambda words: words[torch.randint(len(words), (1,), generator=g).item()]
        self.rows = []
        for _ in range(n):
            row = [0]
            for _ in range(3):
                noun = pick(NOUNS)
                row += [pick(ADJ), noun, VERBS[noun % 8], 1]
            self.rows.append(torch.tensor(row))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i][:-1], self.rows[i][1:]


class PoemLM(nn.Module):
    def __init__(self, vocab=30, dim=32):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.out = nn.Linear(dim, vocab)
        nn.init.normal_(self.emb.weight, std=0.1)
        self.tie_weights()  # here

    def tie_weights(self):
        """The decoder uses the embedding matrix."""
        self.out.weight = nn.Parameter(self.emb.weight.clone())  # fault
        # fixed: self.out.weight = self.emb.weight

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return self.out(h)


class SequenceLoss(nn.CrossEntropyLoss):
    def forward(self, logits, target):
        return super().forward(logits.transpose(1, 2), target)


torch.manual_seed(9)
model = PoemLM()
loss_fn = SequenceLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
train_loader = DataLoader(Poems(400, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(Poems(80, 2), batch_size=80)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            ppl = torch.stack([loss_fn(model(x), y) for x, y in val_loader]).mean().exp()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
