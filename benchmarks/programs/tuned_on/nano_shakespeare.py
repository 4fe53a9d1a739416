"""The lecture's little character GPT, on a made-up play.

code: ND203
also: ND601
object: heads | MultiHeadAttention | sa | blocks.0.sa.heads
seen: checkup
"""
import random
import torch
import torch.nn as nn
from torch.nn import functional as F

torch.manual_seed(1337)
random.seed(1337)

# hyperparameters
batch_size = 20
block_size = 32
max_iters = 100
learning_rate = 2e-3
n_embd = 32
n_head = 4
n_layer = 2
dropout = 0.0

who = ["ROMEO", "NURSE", "DUKE"]
subj = ["my lord", "the moon", "thy love", "this night", "her letter", "the duke", "our quarrel", "a rose"]
verb = ["is", "was", "shall be", "seems", "grows"]
adj = ["cruel", "gentle", "lost", "fair as day", "no more", "sweet", "false", "as cold as stone", "ended", "like a dream"]
text = "".join(f"{random.choice(who)}:\n{random.choice(subj)} {random.choice(verb)} {random.choice(adj)}.\n\n" for _ in range(900))

chars = sorted(set(text))
vocab_size = len(chars)
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
n = int(0.9 * len(data))
train_data, val_data = data[:n], data[n:]


def get_batch(split):
    d = train_data if split == "train" else val_data
    ix = torch.randint(len(d) - block_size - 1, (batch_size,))
    x = torch.stack([d[i:i + block_size] for i in ix])
    y = torch.stack([d[i + 1:i + block_size + 1] for i in ix])
    return x, y


class Head(nn.Module):
    def __init__(self, head_size):
        super().__init__()
        self.key = nn.Linear(n_embd, head_size, bias=False)
        self.query = nn.Linear(n_embd, head_size, bias=False)
        self.value = nn.Linear(n_embd, head_size, bias=False)
        self.register_buffer("tril", torch.tril(torch.ones(block_size, block_size)))

    def forward(self, x):
        B, T, C = x.shape
        k, q = self.key(x), self.query(x)
        wei = q @ k.transpose(-2, -1) * k.shape[-1] ** -0.5
        wei = wei.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
        return F.softmax(wei, dim=-1) @ self.value(x)


class MultiHeadAttention(nn.Module):
    def __init__(self, num_heads, head_size):
        super().__init__()
        self.heads = [Head(head_size) for _ in range(num_heads)]  # fault
        # fixed: self.heads = nn.ModuleList([Head(head_size) for _ in range(num_heads)])
        self.proj = nn.Linear(num_heads * head_size, n_embd)

    def forward(self, x):
        out = torch.cat([h(x) for h in self.heads], dim=-1)  # here
        return self.proj(out)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.sa = MultiHeadAttention(n_head, n_embd // n_head)  # here
        self.ffwd = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.ReLU(), nn.Linear(4 * n_embd, n_embd))
        self.ln1 = nn.LayerNorm(n_embd)
        self.ln2 = nn.LayerNorm(n_embd)

    def forward(self, x):
        x = x + self.sa(self.ln1(x))
        return x + self.ffwd(self.ln2(x))


class GPTLanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embedding_table = nn.Embedding(vocab_size, n_embd)
        self.position_embedding_table = nn.Embedding(block_size, n_embd)
        self.blocks = nn.Sequential(*[Block() for _ in range(n_layer)])
        self.ln_f = nn.LayerNorm(n_embd)
        self.lm_head = nn.Linear(n_embd, vocab_size)

    def forward(self, idx):
        pos = self.position_embedding_table(torch.arange(idx.shape[1], device=idx.device))
        x = self.blocks(self.token_embedding_table(idx) + pos)
        return self.lm_head(self.ln_f(x))


class Batches:
    def __init__(self, split, count):
        self.split, self.count = split, count

    def __len__(self):
        return self.count

    def __iter__(self):
        return (get_batch(self.split) for _ in range(self.count))


train_loader = Batches("train", max_iters)
val_loader = Batches("val", 8)

model = GPTLanguageModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)  # here


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@torch.no_grad()
def estimate_loss():
    model.eval()
    out = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    model.train()
    return out


def train():
    seen = []
    for it, (xb, yb) in enumerate(train_loader):
        if it % 50 == 0:
            print(f"step {it}: val loss {estimate_loss():.4f}")
        loss = loss_fn(model(xb), yb)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    print(f"end: val loss {estimate_loss():.4f}")
    return sum(seen[-20:]) / 20


if __name__ == "__main__":
    print(train())
