"""Intent of short commands to a home assistant, a small BERT classifier from random weights.

code: ND604
also: ND706
object: optimizer | lr | AdamW | LR
seen: watch
"""
import random
import torch
from torch.utils.data import Dataset, DataLoader
from transformers import BertConfig, BertForSequenceClassification, get_linear_schedule_with_warmup

random.seed(1)
torch.manual_seed(1)
EPOCHS, BATCH, LR = 4, 16, 1e-1  # fault
# fixed: EPOCHS, BATCH, LR = 4, 16, 3e-3

SLOTS = {
    0: (["turn", "switch"], ["on", "off"], ["lamp", "light", "heater", "fan", "tv"]),
    1: (["play", "start", "queue"], ["some", "my", "the"], ["jazz", "rock", "song", "album", "podcast"]),
    2: (["wake", "remind", "alert"], ["me"], ["monday", "noon", "seven", "tonight", "early"]),
    3: (["how", "will"], ["warm", "wet", "windy"], ["monday", "tonight", "outside", "tomorrow", "noon"]),
}
FILL = ["please", "hey", "now", "could", "you", "the", "kitchen", "bedroom", "at", "in", "it", "be"]


def utterance(intent):
    words = [random.choice(part) for part in SLOTS[intent]]
    for _ in range(random.randint(1, 5)):
        words.insert(random.randint(0, len(words)), random.choice(FILL))
    return words


seen, samples = set(), []
while len(samples) < 640:
    k = random.randrange(4)
    w = utterance(k)
    if tuple(w) not in seen:
        seen.add(tuple(w))
        samples.append((w, k))
words = sorted({x for w, _ in samples for x in w})
vocab = {w: i + 3 for i, w in enumerate(words)}


class Commands(Dataset):
    def __init__(self, rows, length=12):
        self.rows, self.length = rows, length

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        w, k = self.rows[i]
        ids = [1] + [vocab[x] for x in w] + [2]
        pad = self.length - len(ids)
        return {"input_ids": torch.tensor(ids + [0] * pad),
                "attention_mask": torch.tensor([1] * len(ids) + [0] * pad),
                "labels": torch.tensor(k)}


train_loader = DataLoader(Commands(samples[:512]), batch_size=BATCH, shuffle=True)
val_loader = DataLoader(Commands(samples[512:]), batch_size=64)
model = BertForSequenceClassification(BertConfig(
    vocab_size=len(vocab) + 3, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=16, num_labels=4, initializer_range=0.1))
optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.01)  # here
total_steps = EPOCHS * len(train_loader)
scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=6, num_training_steps=total_steps)
loss_fn = None


def train():
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()  # here
            scheduler.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        good = 0
        with torch.no_grad():
            for batch in val_loader:
                good += (model(**batch).logits.argmax(-1) == batch["labels"]).sum().item()
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} acc {good / 128:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
