"""Learns to continue recipe steps with a GPT-2 of two small layers.

code: ND302
also: 
object: labels | targets | cross_entropy | batch_loss
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
from types import SimpleNamespace
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(7)
verbs = "cut boil fry stir bake".split()
foods = "onion rice egg leek bread bean".split()
ways = "slowly well twice briefly".split()
vocab = ["<pad>", "<s>", "then"] + verbs + foods + ways
index = {w: i for i, w in enumerate(vocab)}
gen = torch.Generator().manual_seed(1)


def pick(words):
    return words[torch.randint(len(words), (1,), generator=gen).item()]


def recipe():
    words = ["<s>"]
    for _ in range(4):
        words += [pick(verbs), pick(foods), pick(ways), "then"]
    return torch.tensor([index[w] for w in words])


train_loader = DataLoader([{"input_ids": recipe()} for _ in range(480)], batch_size=24, shuffle=True)
val_loader = DataLoader([{"input_ids": recipe()} for _ in range(96)], batch_size=24)
config = GPT2Config(vocab_size=len(vocab), n_positions=32, n_embd=32, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=0, pad_token_id=0)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def batch_loss(setup, batch):
    ids = batch["input_ids"]
    logits = setup.model(input_ids=ids).logits
    return F.cross_entropy(logits.reshape(-1, len(vocab)), ids.reshape(-1))  # fault
    # fixed: return F.cross_entropy(logits[:, :-1].reshape(-1, len(vocab)), ids[:, 1:].reshape(-1))


def train():
    setup = SimpleNamespace(model=model)
    for epoch in range(4):
        model.train()
        late = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)  # here
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            late.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch}: train {sum(late) / len(late):.3f} val {val:.3f}")
    return sum(late) / len(late)


if __name__ == "__main__":
    print(train())
