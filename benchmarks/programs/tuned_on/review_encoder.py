"""Star rating of short reviews with a stack of self-attention layers and masked mean pooling.

code: ND203
also: ND601
object: layers | encoder.layers | encoder | Encoder
seen: both
"""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(21)
VOCAB, PAD, D = 60, 0, 32
GOOD, BAD, NOT = range(10, 18), range(20, 28), 5


class Reviews(Dataset):
    """'not' turns the next word round; the rating counts what is left."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        while len(self.items) < n:
            length = int(torch.randint(6, 15, (), generator=g))
            words = torch.randint(28, VOCAB, (length,), generator=g)
            score = 0
            for i in range(length - 1):
                r = torch.rand((), generator=g)
                if r < 0.25:
                    words[i] = 10 + int(torch.randint(0, 8, (), generator=g))
                elif r < 0.5:
                    words[i] = 20 + int(torch.randint(0, 8, (), generator=g))
                elif r < 0.65:
                    words[i] = NOT
            for i, w in enumerate(words.tolist()):
                s = 1 if w in GOOD else -1 if w in BAD else 0
                score += -s if i and words[i - 1] == NOT else s
            if score == 0:
                continue
            self.items.append({"tokens": words, "label": int(score > 0)})

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(rows):
    tokens = pad_sequence([r["tokens"] for r in rows], batch_first=True, padding_value=PAD)
    return {"tokens": tokens, "label": torch.tensor([r["label"] for r in rows])}


class EncoderLayer(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x, pad):
        h = self.norm1(x)
        x = x + self.attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
        return x + self.ff(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, D, padding_idx=PAD)
        self.pos = nn.Parameter(0.02 * torch.randn(20, D))
        self.layers = [EncoderLayer(D, 4) for _ in range(depth)]  # fault
        # fixed: self.layers = nn.ModuleList([EncoderLayer(D, 4) for _ in range(depth)])
        self.norm = nn.LayerNorm(D)
        self.cls = nn.Linear(D, 2)

    def forward(self, tokens):
        pad = tokens == PAD
        x = self.embed(tokens) + self.pos[: tokens.shape[1]]
        for layer in self.layers:  # here
            x = layer(x, pad)
        keep = (~pad).unsqueeze(-1)
        x = (self.norm(x) * keep).sum(1) / keep.sum(1)
        return self.cls(x)


train_loader = DataLoader(Reviews(1000, 1), batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Reviews(120, 2), batch_size=60, collate_fn=collate)
model = Encoder()  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)  # here


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["tokens"]), batch["label"])


def train(epochs=3):
    for epoch in range(epochs):
        model.train()
        running = []
        for batch in train_loader:
            logits = model(batch["tokens"])
            loss = loss_fn(logits, batch["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(b["tokens"]).argmax(1) == b["label"]).sum().item() for b in val_loader) / 120
    return sum(running) / len(running)


if __name__ == "__main__":
    print(train())
