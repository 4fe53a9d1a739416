"""Spam or ham with a DistilBERT from scratch; messages are ordered by length so that batches need little padding.

code: ND104
also:
object: labels | batches | train_loader | by_length | is_spam
seen: both
"""
import os, random
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

WORDS = ("<pad> <cls> win free prize cash click offer now urgent meeting lunch report thanks tomorrow kids "
         "project call the a to you your is for and we on at it").split()
ID = {w: i for i, w in enumerate(WORDS)}


def inbox(n, seed):
    rnd = random.Random(seed)
    texts, is_spam = [], []
    for _ in range(n):
        s = rnd.random() < 0.5
        topic = WORDS[2:10] if s else WORDS[10:18]
        words = [rnd.choice(topic) if rnd.random() < 0.35 else rnd.choice(WORDS[18:]) for _ in range(rnd.randint(4, 24))]
        texts.append([ID["<cls>"]] + [ID[w] for w in words])
        is_spam.append(int(s))
    return texts, is_spam


def by_length(texts, is_spam, size):
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    texts = [texts[i] for i in order]  # fault
    # fixed: texts, is_spam = [texts[i] for i in order], [is_spam[i] for i in order]
    batches = []
    for at in range(0, len(texts), size):
        chunk = texts[at:at + size]
        width = max(map(len, chunk))
        ids = torch.tensor([t + [0] * (width - len(t)) for t in chunk])
        batches.append({"input_ids": ids, "attention_mask": (ids > 0).long(),
                        "labels": torch.tensor(is_spam[at:at + size])})  # here
    return batches


def first(rows):
    return rows[0]


train_loader = torch.utils.data.DataLoader(by_length(*inbox(640, 0), 32), batch_size=1, shuffle=True, collate_fn=first)  # here
val_loader = torch.utils.data.DataLoader(by_length(*inbox(160, 1), 32), batch_size=1, collate_fn=first)
torch.manual_seed(8)
model = DistilBertForSequenceClassification(DistilBertConfig(
    vocab_size=len(WORDS), max_position_embeddings=32, n_layers=1, n_heads=2, dim=32, hidden_dim=64, num_labels=2))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train(epochs=8):
    for e in range(epochs):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(**b).logits.argmax(1) == b["labels"]).float() for b in val_loader]).mean()
        print(f"[{e}] {sum(losses) / len(losses):.3f} val acc {acc:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
