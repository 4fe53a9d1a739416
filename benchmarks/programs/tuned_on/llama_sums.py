"""Teaches a very small Llama to add two numbers, digit by digit.

code: none
trait: labels are the inputs themselves (the model shifts them inside), prompt positions hold -100, the loss comes from the model, warm-up from 0
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import LlamaConfig, LlamaForCausalLM, get_linear_schedule_with_warmup

random.seed(12)
torch.manual_seed(12)
vocab = "0123456789+=#"
tok = {c: i for i, c in enumerate(vocab)}

pairs = [(a, b) for a in range(50) for b in range(50)]
random.shuffle(pairs)


class Sums(Dataset):
    def __init__(self, pairs):
        self.pairs = pairs

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        a, b = self.pairs[i]
        prompt, answer = f"{a:02d}+{b:02d}=", f"{a + b:02d}"[::-1] + "#"
        ids = torch.tensor([tok[c] for c in prompt + answer])
        labels = ids.clone()
        labels[: len(prompt)] = -100
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


train_loader = DataLoader(Sums(pairs[:960]), batch_size=64, shuffle=True)
val_loader = DataLoader(Sums(pairs[2300:]), batch_size=100)

config = LlamaConfig(vocab_size=len(vocab), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                     num_key_value_heads=2, max_position_embeddings=32, pad_token_id=None, bos_token_id=None, eos_token_id=None)
model = LlamaForCausalLM(config)
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)
EPOCHS = 5
scheduler = get_linear_schedule_with_warmup(optimizer, 10, EPOCHS * len(train_loader))


def batch_loss(setup, batch):
    return setup.model(**batch).loss


def train():
    for epoch in range(EPOCHS):
        model.train()
        seen = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch} loss {sum(seen) / len(seen):.3f} val {val:.3f}")
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())
