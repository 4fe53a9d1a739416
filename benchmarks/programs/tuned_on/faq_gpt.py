"""Fine-tunes a small GPT-2 on question/answer lines, padded to one length by the collate function.

code: ND113
also:
object: labels | collate | collate_fn | pad_token_id | PAD | train_loader
seen: checkup
"""
import random
import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
random.seed(0)

CITIES = ["rome", "paris", "oslo", "lima", "cairo", "delhi", "tokyo", "quito"]
LANDS = ["italy", "france", "norway", "peru", "egypt", "india", "japan", "ecuador"]
VERBS = ["visit", "find", "enter", "photograph", "rent"]
PLACES = ["museum", "tower", "market", "harbour", "garden"]
DAYS = ["monday", "tuesday", "friday", "sunday"]


def line():
    i = random.randrange(8)
    v, p, d = random.choice(VERBS), random.choice(PLACES), random.choice(DAYS)
    if random.random() < 0.6:
        return f"q may i {v} the {p} in {CITIES[i]} on {d} a yes {v} it"
    return f"q can we please {v} the old {p} near {CITIES[i]} on {d} morning a yes you can {v} the {p} in {LANDS[i]} on {d}"


texts = list(dict.fromkeys(line() for _ in range(1400)))[:700]
vocab = {w: i + 2 for i, w in enumerate(sorted({w for t in texts for w in t.split()}))}
PAD, EOS = 0, 1


def tokenize(text):
    return [vocab[w] for w in text.split()] + [EOS]


def collate(batch, max_length=32):
    ids = torch.full((len(batch), max_length), PAD)
    mask = torch.zeros(len(batch), max_length, dtype=torch.long)
    for r, text in enumerate(batch):
        t = tokenize(text)[:max_length]
        ids[r, :len(t)] = torch.tensor(t)
        mask[r, :len(t)] = 1
    labels = ids.clone()  # fault
    # fixed: labels = ids.masked_fill(mask == 0, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}  # here


train_loader = DataLoader(texts[:600], batch_size=24, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(texts[600:], batch_size=50, collate_fn=collate)

config = GPT2Config(vocab_size=len(vocab) + 2, n_positions=32, n_embd=48, n_layer=2, n_head=4,
                    bos_token_id=EOS, eos_token_id=EOS, pad_token_id=PAD,
                    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
loss_fn = None


def train():
    step = 0
    for epoch in range(2):
        model.train()
        for batch in train_loader:
            out = model(**batch)  # here
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            if step % 10 == 0:
                print(f"step {step} loss {out.loss.item():.4f}")
        model.eval()
        with torch.no_grad():
            val = [model(**b).loss.item() for b in val_loader]
        print(f"epoch {epoch} val loss {sum(val) / len(val):.4f}")
    return out.loss.item()


if __name__ == "__main__":
    print(train())
