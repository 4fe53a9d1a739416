"""Route helpdesk tickets to one of four desks with a tiny BERT trained from a config.

code: ND605
also: ND606
object: scheduler | num_warmup_steps | warmup | get_linear_schedule_with_warmup | lr | optimizer
seen: both
"""
import random

import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification, get_linear_schedule_with_warmup

random.seed(2)
torch.manual_seed(2)
desks = {
    "billing": "invoice refund charge card payment price".split(),
    "network": "wifi router cable ping dns offline".split(),
    "account": "password login locked reset username token".split(),
    "hardware": "screen keyboard battery fan broken charger".split(),
}
filler = "please help my the is not since yesterday again still why hello thanks with a it".split()
words = ["[PAD]", "[CLS]"] + filler + [w for group in desks.values() for w in group]
vocab = {w: i for i, w in enumerate(words)}


def ticket():
    label = random.randrange(4)
    text = random.choices(filler, k=random.randint(4, 9)) + random.sample(list(desks.values())[label], 2)
    random.shuffle(text)
    return [vocab["[CLS]"]] + [vocab[w] for w in text], label


def collate(samples):
    longest = max(len(ids) for ids, _ in samples)
    ids = torch.tensor([s + [0] * (longest - len(s)) for s, _ in samples])
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": torch.tensor([y for _, y in samples])}


train_loader = DataLoader([ticket() for _ in range(640)], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader([ticket() for _ in range(160)], batch_size=80, collate_fn=collate)

config = BertConfig(vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                    intermediate_size=64, max_position_embeddings=24, num_labels=4)
model = BertForSequenceClassification(config)
epochs = 5
steps = epochs * len(train_loader)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=100_000, num_training_steps=200_000)  # fault
# fixed: scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=10, num_training_steps=steps)


def batch_loss(setup, batch):
    return setup.model(**batch).loss


def train():
    for epoch in range(epochs):
        model.train()
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()  # here
            scheduler.step()  # here
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        hits = sum((model(**b).logits.argmax(1) == b["labels"]).sum().item() for b in val_loader)
    print("routed right:", hits / 160)


if __name__ == "__main__":
    train()
