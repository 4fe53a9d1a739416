"""A tiny GPT-2 that writes recipe steps; short steps are filled up to the batch length.

code: ND113
also:
object: labels | pad | PAD | collate | train_loader
seen: checkup
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

random.seed(7)
torch.manual_seed(7)

verbs = {"chop": ["onion", "carrot", "parsley"], "boil": ["pasta", "rice", "egg"], "fry": ["egg", "onion", "bacon"], "melt": ["butter", "chocolate"]}
tails = ["", "until soft", "for ten minutes", "with salt", "and set aside", "on low heat while you stir and do not let it burn"]


def sentence():
    v = random.choice(list(verbs))
    return f"{v} the {random.choice(verbs[v])} {random.choice(tails)}".split()


corpus = [" then ".join(" ".join(sentence()) for _ in range(random.choice([1, 1, 1, 2, 4]))).split() for _ in range(500)]
unique = sorted({tuple(c) for c in corpus})
random.shuffle(unique)
words = ["<pad>", "<bos>", "<eos>"] + sorted({w for c in unique for w in c})
stoi = {w: i for i, w in enumerate(words)}
PAD = stoi["<pad>"]
encoded = [[1] + [stoi[w] for w in c] + [2] for c in unique]
cut = int(0.85 * len(encoded))


def collate(seqs):
    longest = 48
    input_ids = torch.full((len(seqs), longest), PAD)
    attention_mask = torch.zeros(len(seqs), longest, dtype=torch.long)
    for r, s in enumerate(seqs):
        s = s[:longest]
        input_ids[r, :len(s)] = torch.tensor(s)
        attention_mask[r, :len(s)] = 1
    labels = input_ids.clone()  # fault
    # fixed: labels = input_ids.masked_fill(attention_mask == 0, -100)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}  # here


train_loader = DataLoader(encoded[:cut], batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader(encoded[cut:], batch_size=32, collate_fn=collate)

config = GPT2Config(vocab_size=len(words), n_positions=48, n_embd=48, n_layer=2, n_head=4,
                    bos_token_id=1, eos_token_id=2, pad_token_id=PAD)
model = GPT2LMHeadModel(config)
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def train():
    step, recent = 0, []
    for epoch in range(4):
        model.train()
        for batch in train_loader:
            out = model(**batch)  # here
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            recent.append(out.loss.item())
            step += 1
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() * len(b["labels"]) for b in val_loader) / (len(encoded) - cut)
        print(f"epoch {epoch} step {step} train {sum(recent[-10:]) / 10:.3f} val {val:.3f}")
    return sum(recent[-10:]) / 10


if __name__ == "__main__":
    print(train())
