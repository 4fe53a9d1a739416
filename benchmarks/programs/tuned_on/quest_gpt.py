"""Continues quest dialogues of a small role-playing game; speaker tags are added to the vocabulary of a base model.

code: ND601
also:
object: transformer.wte.weight | wte | lm_head | lm_head.weight | optimizer
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

WORDS = "bring me the red blue old sword shield ring of king elf dwarf and i will pay you gold silver".split()
TAGS = ["<npc>", "<hero>", "<end>"]
ids = {w: i for i, w in enumerate(WORDS + TAGS)}
rng = random.Random(3)


def dialogue():
    colour, thing, who, pay = rng.choice(["red", "blue", "old"]), rng.choice(["sword", "shield", "ring"]), rng.choice(["king", "elf", "dwarf"]), rng.choice(["gold", "silver"])
    said = f"<npc> bring me the {colour} {thing} of the {who} <end> <hero> i bring you the {colour} {thing} of the {who} and you pay {pay} <end>"
    return [ids[w] for w in said.split()]


def collate(rows):
    x = torch.tensor(rows)
    return {"input_ids": x, "labels": x.clone()}


corpus = [dialogue() for _ in range(400)]
train_loader = DataLoader(corpus, batch_size=32, shuffle=True, collate_fn=collate, generator=torch.Generator().manual_seed(0))

torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(vocab_size=len(WORDS), n_positions=40, n_embd=32, n_layer=2, n_head=2,
                                   resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0))


def make_optimizer():
    return torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)  # here


def grow_vocabulary(size):
    old = model.get_input_embeddings().weight.data
    new = torch.nn.Embedding(size, old.shape[1])  # here
    new.weight.data.normal_(0, 0.02)
    new.weight.data[:len(old)] = old
    model.transformer.wte = new
    model.lm_head.weight = new.weight  # stay tied
    model.config.vocab_size = size


optimizer = make_optimizer()  # fault
# fixed: grow_vocabulary(len(ids))
grow_vocabulary(len(ids))  # fault
# fixed: optimizer = make_optimizer()


def train(epochs=8):
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
