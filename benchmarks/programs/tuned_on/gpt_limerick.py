"""Fine-tunes a (tiny, random) GPT-2 on short rhymes of very different lengths.

code: ND113
also:
object: labels | collate | train_loader | pad | pad_id | model
seen: both
"""
import random

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel, get_linear_schedule_with_warmup

random.seed(1)
torch.manual_seed(1)

names = ["nell", "ted", "ann", "sam", "bert", "kate"]
ends = {"nell": "well", "ted": "bed", "ann": "pan", "sam": "ham", "bert": "shirt", "kate": "gate"}
places = ["hill", "town", "shore", "moor", "lane", "bay", "farm", "port"]
kinds = ["old", "young", "tall", "shy", "wise", "loud", "calm", "odd"]
sentences = set()
while len(sentences) < 400:
    n = random.choice(names)
    s = f"there was {random.choice(kinds)} {n} of the {random.choice(places)} who"
    s += " very" * random.randint(0, 2) + f" much loved the {ends[n]}"
    if random.random() < 0.25:
        m = random.choice(names)
        s += f" and {n} met {m} of the {random.choice(places)} who sat on the {ends[m]} and the {ends[n]}"
    sentences.add(s)
sentences = sorted(sentences)
random.shuffle(sentences)

vocab = ["<|endoftext|>"] + sorted({w for s in sentences for w in s.split()})
stoi = {w: i for i, w in enumerate(vocab)}
pad_id = stoi["<|endoftext|>"]          # gpt2 has no pad token
MAX_LEN = 32


class Rhymes(Dataset):
    def __init__(self, texts):
        self.rows = [[stoi[w] for w in t.split()] for t in texts]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    input_ids = torch.full((len(rows), MAX_LEN), pad_id)
    attention_mask = torch.zeros(len(rows), MAX_LEN, dtype=torch.long)
    for i, r in enumerate(rows):
        input_ids[i, :len(r)] = torch.tensor(r)
        attention_mask[i, :len(r)] = 1
    labels = input_ids.clone()  # fault
    # fixed: labels = input_ids.masked_fill(attention_mask == 0, -100)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}  # here


train_loader = DataLoader(Rhymes(sentences[:340]), batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Rhymes(sentences[340:]), batch_size=30, collate_fn=collate)

config = GPT2Config(vocab_size=len(vocab), n_positions=MAX_LEN, n_embd=32, n_layer=2, n_head=4,
                    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)
model = GPT2LMHeadModel(config)
loss_fn = None
EPOCHS = 3
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
scheduler = get_linear_schedule_with_warmup(optimizer, 8, EPOCHS * len(train_loader) + 1)


def evaluate():
    model.eval()
    with torch.no_grad():
        losses = [model(**b).loss.item() for b in val_loader]
    return sum(losses) / len(losses)


def train():
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for batch in train_loader:
            outputs = model(**batch)  # here
            outputs.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            total += outputs.loss.item()
        print(epoch, total / len(train_loader), evaluate())
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
