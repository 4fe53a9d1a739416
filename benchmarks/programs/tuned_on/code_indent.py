"""A pocket GPT-2 that continues small snippets of code token by token.

code: ND113
also:
object: labels | collate | pad
seen: both
"""
import random
import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

rng = random.Random(70)
TOKENS = ["<pad>", "<s>", "</s>", "NL", "IN", "OUT", "if", "for", "x", "y", "z", "in", ":", "=", "+", "1", "2", "print", "(", ")", "return"]
ID = {t: i for i, t in enumerate(TOKENS)}


def statement(depth):
    kind = rng.random()
    v = rng.choice("xyz")
    if kind < .35 and depth < 2:
        head = ["if", v, ":"] if rng.random() < .5 else ["for", v, "in", rng.choice("xyz"), ":"]
        body = sum((statement(depth + 1) for _ in range(rng.randint(1, 2))), [])
        return head + ["NL", "IN"] + body + ["OUT"]
    if kind < .7:
        return [v, "=", rng.choice("xyz"), "+", rng.choice("12"), "NL"]
    return ["print", "(", v, ")", "NL"]


def snippets(n):
    seen = set()
    while len(seen) < n:
        body = sum((statement(0) for _ in range(rng.randint(1, 3))), [])
        if 8 <= len(body) <= 38:
            seen.add(" ".join(["<s>"] + body + ["</s>"]))
    return sorted(seen, key=lambda s: rng.random())


def collate(texts):
    rows = [[ID[t] for t in text.split()] for text in texts]
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    labels = ids.clone()  # fault
    # fixed: labels = ids.masked_fill(mask == 0, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}  # here


book = snippets(360)
torch.manual_seed(0)
train_loader = DataLoader(book[:300], batch_size=20, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(book[300:], batch_size=30, collate_fn=collate)
model = GPT2LMHeadModel(GPT2Config(vocab_size=len(TOKENS), n_positions=48, n_embd=32, n_layer=2, n_head=2,
                                   bos_token_id=1, eos_token_id=2, pad_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)


def train():
    for epoch in range(5):
        model.train()
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
