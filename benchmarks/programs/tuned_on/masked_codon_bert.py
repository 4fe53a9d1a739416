"""Fills hidden codons from both sides (masked language model with a tied decoder).

code: none
trait: attention over the whole sequence in a language model, most labels are -100, decoder tied to the embedding, masks drawn anew in the collate function
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForMaskedLM

MASK = 16


def genes(n, seed, length=20):
    world = torch.Generator().manual_seed(77)
    follow = torch.randperm(16, generator=world)
    g = torch.Generator().manual_seed(seed)
    seq = [torch.randint(0, 16, (n,), generator=g)]
    for _ in range(length - 1):
        stray = torch.rand(n, generator=g) < 0.25
        seq.append(torch.where(stray, torch.randint(0, 16, (n,), generator=g), follow[seq[-1]]))
    return torch.stack(seq, 1)


def hide(rows):
    ids = torch.stack(list(rows))
    hidden = torch.rand(ids.shape) < 0.2
    hidden[:, 7] = True
    return {"input_ids": ids.masked_fill(hidden, MASK), "attention_mask": torch.ones_like(ids), "labels": ids.masked_fill(~hidden, -100)}


torch.manual_seed(77)
config = BertConfig(vocab_size=17, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, max_position_embeddings=20,
                    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=None, tie_word_embeddings=True)
model = BertForMaskedLM(config)
train_loader = DataLoader(list(genes(960, 1)), batch_size=32, shuffle=True, collate_fn=hide)
val_loader = DataLoader(list(genes(128, 2)), batch_size=64, collate_fn=hide)
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=210, pct_start=0.15)


def train():
    log = []
    for epoch in range(7):
        model.train()
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / 2
        print(epoch, round(sum(log[-30:]) / 30, 3), round(val, 3))
    return sum(log[-30:]) / 30


if __name__ == "__main__":
    print(train())
