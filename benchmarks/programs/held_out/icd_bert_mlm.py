"""Masked language modelling over sequences of diagnosis codes, a BERT with two layers.

code: none
trait: most labels are -100 (only masked places count); inputs and labels share the unmasked tokens; tied decoder
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForMaskedLM

torch.manual_seed(410)
MASK, GROUPS, SIZE, LENGTH = 1, 6, 6, 16
CODES = 2 + GROUPS * SIZE


def patients(n, seed):
    """Every patient has one chronic group; most codes come from it."""
    g = torch.Generator().manual_seed(seed)
    own = torch.randint(0, GROUPS, (n, 1), generator=g) * SIZE + torch.randint(0, SIZE, (n, LENGTH), generator=g)
    other = torch.randint(0, GROUPS * SIZE, (n, LENGTH), generator=g)
    return 2 + torch.where(torch.rand(n, LENGTH, generator=g) < 0.85, own, other)


class Collator:
    """Masks a fifth of the places anew in every batch; validation has its own fixed seed."""

    def __init__(self, seed):
        self.g = torch.Generator().manual_seed(seed)

    def __call__(self, rows):
        ids = torch.stack(rows)
        hide = torch.rand(ids.shape, generator=self.g) < 0.2
        hide[:, 0] |= ~hide.any(1)
        return {"input_ids": ids.masked_fill(hide, MASK), "attention_mask": torch.ones_like(ids), "labels": ids.masked_fill(~hide, -100)}


train_loader = DataLoader(list(patients(640, 0)), batch_size=40, shuffle=True, collate_fn=Collator(0))
val_loader = DataLoader(list(patients(150, 1)), batch_size=50, collate_fn=Collator(1))
config = BertConfig(vocab_size=CODES, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
                    max_position_embeddings=LENGTH, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
model = BertForMaskedLM(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 20))


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(epoch, sum(losses) / len(losses), val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
