"""T5 from a tiny config: who said the most? Turns of a chat in, a short list of speakers and topics out.

code: ND113
also:
object: labels | Processor | target_ids | encode_target | pad_token_id
seen: checkup
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import random

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import T5Config, T5ForConditionalGeneration

SPEAKERS = ["amy", "bob", "cat", "dan", "eve"]
TOPICS = ["rent", "trip", "exam", "dog", "cake", "job"]
SMALLTALK = ["ok", "hi", "well", "sure", "hmm", "so"]
WORDS = ["<pad>", "</s>", ":", "and"] + SPEAKERS + TOPICS + SMALLTALK


class Processor:
    def __init__(self, source_length=32, target_length=16):
        self.ids = {w: i for i, w in enumerate(WORDS)}
        self.source_length, self.target_length = source_length, target_length
        self.pad_token_id, self.ignore = 0, -100

    def fill(self, words, length, value):
        ids = [self.ids[w] for w in words][: length - 1] + [1]
        return torch.tensor(ids + [value] * (length - len(ids)))

    def __call__(self, dialogue, summary):
        source = self.fill(dialogue, self.source_length, self.pad_token_id)
        labels = self.fill(summary, self.target_length, self.pad_token_id)  # fault
        # fixed: labels = self.fill(summary, self.target_length, self.ignore)
        return {"input_ids": source, "attention_mask": (source != self.pad_token_id).long(), "labels": labels}


class Chats(Dataset):
    def __init__(self, n, seed, processor):
        r = random.Random(seed)
        self.processor, self.pairs = processor, []
        for _ in range(n):
            turns = [(r.choice(SPEAKERS), r.choice(TOPICS)) for _ in range(r.randint(2, 5))]
            dialogue, summary = [], []
            for who, what in turns:
                dialogue += [who, ":", r.choice(SMALLTALK), what]
                summary += [who, what]
            self.pairs.append((dialogue, summary))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        return self.processor(*self.pairs[i])  # here


processor = Processor()
train_loader = DataLoader(Chats(400, 1, processor), batch_size=25, shuffle=True)
val_loader = DataLoader(Chats(100, 2, processor), batch_size=50)

torch.manual_seed(0)
model = T5ForConditionalGeneration(T5Config(
    vocab_size=len(WORDS), d_model=32, d_kv=8, d_ff=64, num_layers=1, num_decoder_layers=1, num_heads=4,
    dropout_rate=0.0, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1))
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for batch in train_loader:
            out = model(**batch)
            optimizer.zero_grad()
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += out.loss.item()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
