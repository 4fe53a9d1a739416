"""Corrects misspelt words with a very small T5.

code: ND113
also:
object: labels | Collator | pad_token_id | collate
seen: both
"""
import random
import torch
from torch.utils.data import DataLoader
from transformers import T5Config, T5ForConditionalGeneration

WORDS = ("receive believe separate definitely weird neighbour rhythm accommodate occasion embarrass conscience "
         "tomorrow library february surprise argument calendar cemetery foreign guard height island knife it do cat "
         "go me we sun tea ox").split()
PAD, EOS = 0, 1
LETTER = {c: i + 2 for i, c in enumerate("abcdefghijklmnopqrstuvwxyz")}
rng = random.Random(50)


def misspellings(word):
    for i in range(len(word)):
        if len(word) > 3:
            yield word[:i] + word[i + 1:]
            yield word[:i] + word[i + 1:i + 2] + word[i] + word[i + 2:]
        yield word[:i] + word[i] + word[i:]


def ids(word):
    return [LETTER[c] for c in word] + [EOS]


class Collator:
    def __call__(self, pairs):
        return {
            "input_ids": (source := self.block([ids(a) for a, _ in pairs])),
            "attention_mask": (source != PAD).long(),
            "labels": self.labels([ids(b) for _, b in pairs]),  # here
        }

    def block(self, rows):
        longest = max(map(len, rows))
        return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])

    def labels(self, rows):
        block = self.block(rows)
        return block  # fault
        # fixed: return block.masked_fill(block == PAD, -100)


book = sorted({wrong: right for right in WORDS for wrong in misspellings(right)}.items())
rng.shuffle(book)
torch.manual_seed(0)
train_loader = DataLoader(book[:384], batch_size=32, shuffle=True, collate_fn=Collator())  # here
val_loader = DataLoader(book[384:480], batch_size=48, collate_fn=Collator())
model = T5ForConditionalGeneration(T5Config(
    vocab_size=28, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_decoder_layers=1, num_heads=2, dropout_rate=0.0,
    feed_forward_proj="gated-gelu", pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=PAD))
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.0)


def train():
    for epoch in range(7):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
