"""Intents of chat messages with a tiny BERT.

code: ND106
also:
object: encode | lower | val_set | val_loader | tokens
seen: both
"""
import random
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification

TEMPLATES = {
    0: ["where is my parcel", "my order has not arrived yet", "track the delivery please"],
    1: ["i want my money back", "please refund the payment", "the card was charged twice"],
    2: ["how do i change my password", "i cannot log in", "reset the account please"],
    3: ["thank you very much", "great service bye", "that solved it thanks"],
}
FILLER = "hello hi so well just today again really um ok".split()
rng = random.Random(5)


def message(intent):
    words = rng.choice(TEMPLATES[intent]).split()
    for _ in range(rng.randint(0, 3)):
        words.insert(rng.randint(0, len(words)), rng.choice(FILLER))
    style = rng.random()
    if style < 0.35:
        words = [w.upper() for w in words]
    elif style < 0.8:
        words = [w.capitalize() for w in words]
    return " ".join(words), intent


VOCAB = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2}
for text in sum(TEMPLATES.values(), FILLER):
    for w in text.split():
        VOCAB.setdefault(w, len(VOCAB))


def encode(text, lower=True):
    if lower:
        text = text.lower()
    return [2] + [VOCAB.get(w, 1) for w in text.split()]


class Chats(Dataset):
    def __init__(self, pairs, **options):
        self.items = [(encode(t, **options), y) for t, y in pairs]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(items):
    length = max(len(ids) for ids, _ in items)
    ids = torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in items])
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": torch.tensor([y for _, y in items])}


unique = {}
while len(unique) < 500:
    text, intent = message(rng.randrange(4))
    unique[text.lower()] = (text, intent)
pairs = list(unique.values())
train_set = Chats(pairs[:400])
val_set = Chats(pairs[400:], lower=False)  # fault
# fixed: val_set = Chats(pairs[400:])
torch.manual_seed(0)
train_loader = DataLoader(train_set, batch_size=20, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_set, batch_size=50, collate_fn=collate)  # here
model = BertForSequenceClassification(BertConfig(
    vocab_size=len(VOCAB), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=64, max_position_embeddings=32, num_labels=4))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=5 * len(train_loader))


def evaluate():
    model.eval()
    good = 0
    with torch.no_grad():
        for batch in val_loader:
            good += (model(**batch).logits.argmax(-1) == batch["labels"]).sum().item()
    return good / len(val_set)


def train():
    for _ in range(5):
        model.train()
        total = 0.0
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            total += loss.item()
        acc = evaluate()
    print("val", acc)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
