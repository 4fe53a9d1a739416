"""Chord progressions with a tiny Llama: own loss over shifted logits, settings from a dict.

code: ND113
also:
object: pad_id | ignored_id | ignore_index | token_loss | settings
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import random

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM

CHORDS = ["<unk>", "<s>", "</s>", "<pad>"] + [n + q for n in "C D E F G A B".split() for q in ("", "m", "7")]
ID = {c: i for i, c in enumerate(CHORDS)}
LOOPS = ["C G Am F", "Dm G7 C A7", "Em Am D G", "F G Em Am", "C Am Dm G7"]

settings = {
    "hidden": 32,
    "layers": 2,
    "pad_id": ID["<pad>"],
    "ignored_id": ID["<unk>"],  # fault
    # fixed: "ignored_id": ID["<pad>"],
    "lr": 3e-3,
    "epochs": 4,
}


def progression(r):
    bars = []
    for _ in range(r.randint(3, 6)):
        bars += r.choice(LOOPS).split()
    bars = [b if r.random() > 0.15 else r.choice(CHORDS[4:]) for b in bars]
    return [ID["<s>"]] + [ID[b] for b in bars] + [ID["</s>"]]


def collate(songs):
    n = max(map(len, songs))
    ids = torch.tensor([s + [settings["pad_id"]] * (n - len(s)) for s in songs])
    return {"input_ids": ids, "attention_mask": (ids != settings["pad_id"]).long()}


r = random.Random(12)
train_loader = DataLoader([progression(r) for _ in range(320)], batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader([progression(r) for _ in range(64)], batch_size=32, collate_fn=collate)

torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=len(CHORDS), hidden_size=settings["hidden"], intermediate_size=64, num_hidden_layers=settings["layers"],
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, pad_token_id=settings["pad_id"],
    bos_token_id=1, eos_token_id=2))
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=settings["lr"])


def token_loss(net, batch):
    logits = net(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return F.cross_entropy(
        logits[:, :-1].reshape(-1, len(CHORDS)),
        batch["input_ids"][:, 1:].reshape(-1),
        ignore_index=settings["ignored_id"],  # here
    )


def batch_loss(setup, batch):
    return token_loss(setup.model, batch)


def train():
    model.train()
    for epoch in range(settings["epochs"]):
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = token_loss(model, batch)  # here
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() / len(train_loader)
    model.eval()
    with torch.no_grad():
        print("val", sum(token_loss(model, b).item() for b in val_loader) / len(val_loader))
    model.train()
    return total


if __name__ == "__main__":
    print(train())
