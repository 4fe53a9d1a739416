"""A tiny Llama learns to rewrite dates: "7 mar 2021" to "2021-03-07".

code: ND604
also:
object: optimizer | lr | param_groups | group 0 | LR
seen: watch
"""
import random

import torch
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM

random.seed(0)
torch.manual_seed(0)

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
CHARS = "_=$ -" + "0123456789" + "abcdefghijklmnopqrstuvwxyz"
C2I = {c: i for i, c in enumerate(CHARS)}
MAXLEN = 24
LR = 1e-1  # fault
# fixed: LR = 3e-3


def sample():
    d, m, y = random.randint(1, 28), random.randint(1, 12), random.randint(1990, 2029)
    return f"{d} {MONTHS[m - 1]} {y}", f"{y}-{m:02d}-{d:02d}"


def encode(pair):
    src, dst = pair
    ids = [C2I[c] for c in src + "=" + dst + "$"]
    labels = [-100] * (len(src) + 1) + ids[len(src) + 1:]
    gap = MAXLEN - len(ids)
    return ids + [0] * gap, [1] * len(ids) + [0] * gap, labels + [-100] * gap


def collate(pairs):
    ids, mask, labels = map(torch.tensor, zip(*map(encode, pairs)))
    return dict(input_ids=ids, attention_mask=mask, labels=labels)


pairs = list({sample() for _ in range(900)})
pairs.sort()
random.shuffle(pairs)
train_loader = DataLoader(pairs[:512], batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader(pairs[640:720], batch_size=40, collate_fn=collate)

config = LlamaConfig(vocab_size=len(CHARS), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
                     num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=MAXLEN, pad_token_id=0)
model = LlamaForCausalLM(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=LR, betas=(0.9, 0.95), weight_decay=0.01)  # here


@torch.no_grad()
def validate():
    model.eval()
    loss = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
    model.train()
    return loss


def train(epochs=3):
    model.train()
    recent = []
    for epoch in range(epochs):
        for step, batch in enumerate(train_loader):
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()  # here
            recent.append(loss.item())
        print(f"epoch {epoch}: train {sum(recent[-40:]) / 40:.4f} val {validate():.4f}")
    return sum(recent[-40:]) / 40


if __name__ == "__main__":
    print(train())
