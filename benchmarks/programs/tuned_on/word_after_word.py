"""Which word comes after which? The output layer shares the word vectors, so that rare answers can be learnt too.

code: ND204
also:
object: embed | head | from_pretrained | weight
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(50)
VOCAB, DIM = 300, 12


class NextWord(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, DIM)
        self.body = nn.Sequential(nn.Linear(DIM, 96), nn.Tanh(), nn.Linear(96, DIM))
        self.head = nn.Linear(DIM, VOCAB, bias=False)
        self.head.weight = self.embed.weight  # one table for reading and for speaking

    def forward(self, word):
        return self.head(self.body(self.embed(word)))


# word vectors as they come from an earlier project
vectors = torch.randn(VOCAB, DIM)
turn = torch.linalg.qr(torch.randn(DIM, DIM))[0]
chance = torch.softmax((vectors @ turn) @ vectors.T / 1.5, dim=1)

words = torch.randint(0, VOCAB, (1800,))
answers = chance[words].multinomial(1)[:, 0]
train_loader = DataLoader(TensorDataset(words[:1400], answers[:1400]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(words[1400:], answers[1400:]), batch_size=400)

model = NextWord()
with torch.no_grad():
    model.embed = nn.Embedding.from_pretrained(vectors.clone(), freeze=False)  # fault
    # fixed: model.embed.weight.copy_(vectors)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(12):
        model.train()
        total = 0.0
        for word, nxt in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(word), nxt)
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            for word, nxt in val_loader:
                out = model(word)
                top5 = (out.topk(5, 1).indices == nxt[:, None]).any(1).float().mean()
                vl = loss_fn(out, nxt)
    print(f"train {total:.3f} val {vl:.3f} top-5 {top5:.3f}")


if __name__ == "__main__":
    train()
