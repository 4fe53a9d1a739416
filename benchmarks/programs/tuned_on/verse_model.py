"""Character model of ballad lines on nn.TransformerEncoder, after the word-LM tutorial.

code: ND302
also:
object: encoder | transformer_encoder | mask | src_mask | TransformerEncoder | TransformerModel
seen: both
"""
import math
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(4)
torch.manual_seed(4)

WHO = "king lady queen sailor harper knight maiden miller shepherd widow hunter bishop".split()
DID = "sat rode sang wept drank slept walked prayed danced spoke fell waited".split()
WHERE = "by the sea|in the town|on the hill|at the door|under the oak|near the mill|over the moor|in the hall".split("|")
HOW = "softly,sadly,gladly,alone,at dawn,till night,in may,no more,for gold,in rain,with me,all day".split(",")
text = " / ".join(" ".join(("the", random.choice(WHO), random.choice(DID), random.choice(WHERE), random.choice(HOW)))
                  for _ in range(300))
chars = sorted(set(text))
encoded = torch.tensor([chars.index(c) for c in text])
BLOCK = 32


class Chunks(Dataset):
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return (len(self.data) - 1) // BLOCK

    def __getitem__(self, i):
        s = i * BLOCK
        return self.data[s:s + BLOCK], self.data[s + 1:s + BLOCK + 1]


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=256):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, d_model)
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[:x.size(1)]


class TransformerModel(nn.Module):
    def __init__(self, ntoken, d_model=32, nhead=2, d_hid=64, nlayers=2):
        super().__init__()
        self.d_model = d_model
        self.embedding = nn.Embedding(ntoken, d_model)
        self.pos_encoder = PositionalEncoding(d_model)
        layer = nn.TransformerEncoderLayer(d_model, nhead, d_hid, dropout=0.05, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, nlayers)  # here
        self.linear = nn.Linear(d_model, ntoken)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)

    def forward(self, src):
        src = self.pos_encoder(self.embedding(src) * math.sqrt(self.d_model))
        output = self.transformer_encoder(src)  # fault
        # fixed: src_mask = nn.Transformer.generate_square_subsequent_mask(src.size(1))
        # fixed: output = self.transformer_encoder(src, mask=src_mask, is_causal=True)
        return self.linear(output)


criterion = nn.CrossEntropyLoss()


def loss_fn(logits, targets):
    return criterion(logits.reshape(-1, logits.size(-1)), targets.reshape(-1))


cut = int(len(encoded) * 0.85)
train_loader = DataLoader(Chunks(encoded[:cut]), batch_size=16, shuffle=True)
val_loader = DataLoader(Chunks(encoded[cut:]), batch_size=64)
model = TransformerModel(len(chars))
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        tail = []
        for data, targets in train_loader:
            output = model(data)  # here
            loss = loss_fn(output, targets)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            tail.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(d), t).item() for d, t in val_loader) / len(val_loader)
        print(f"| epoch {epoch} | loss {sum(tail) / len(tail):.3f} | val ppl {math.exp(val):.2f}")
    return sum(tail[-10:]) / 10


if __name__ == "__main__":
    print(train())
