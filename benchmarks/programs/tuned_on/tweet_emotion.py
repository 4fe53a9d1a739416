"""Several emotions per short message, a tiny BERT trained from scratch (multi-label).

code: ND103
also: ND404
object: labels | emotions | train_loader | targets | encode
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
from collections import Counter

import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification

EMOTIONS = {"joy": ["yay", "lol", "great", "sun"], "anger": ["grr", "damn", "hate", "stop"],
            "fear": ["help", "dark", "alone", "run"], "love": ["kiss", "heart", "hug", "dear"]}
FILLER = "the a today we my bus cat went home so and i you it now".split()
VOCAB = {w: i for i, w in enumerate(["[PAD]", "[CLS]"] + FILLER + [w for ws in EMOTIONS.values() for w in ws])}
OF = {w: k for k, (name, ws) in enumerate(EMOTIONS.items()) for w in ws}


def write_message(r):
    words = r.choices(FILLER, k=7)
    for e in EMOTIONS.values():
        if r.random() < 0.4:
            words += r.choices(e, k=r.randint(1, 3))
    r.shuffle(words)
    return words


def encode(words):
    ids = [VOCAB["[CLS]"]] + [VOCAB[w] for w in words]
    ids += [0] * (20 - len(ids))
    found = Counter(OF[w] for w in words if w in OF)
    labels = torch.tensor([float(found[k]) for k in range(4)])  # fault
    # fixed: labels = torch.tensor([float(found[k] > 0) for k in range(4)])
    ids = torch.tensor(ids)
    return dict(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels)  # here


r = random.Random(5)
messages = [encode(write_message(r)) for _ in range(600)]  # here
train_loader = DataLoader(messages[:480], batch_size=32, shuffle=True)
val_loader = DataLoader(messages[480:], batch_size=60)
torch.manual_seed(5)
config = BertConfig(vocab_size=len(VOCAB), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=64, max_position_embeddings=20, num_labels=4,
                    problem_type="multi_label_classification")
model = BertForSequenceClassification(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    late = 0.0
    for epoch in range(12):
        model.train()
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        late = total / len(train_loader)
        model.eval()
        with torch.no_grad():
            good = [((model(b["input_ids"], attention_mask=b["attention_mask"]).logits > 0) == (b["labels"] > 0))
                    .float().mean().item() for b in val_loader]
        print(f"epoch {epoch}: {late:.3f}, label accuracy {sum(good) / len(good):.3f}")
    return late


if __name__ == "__main__":
    print(train())
