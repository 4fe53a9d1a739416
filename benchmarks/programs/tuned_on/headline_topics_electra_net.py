"""Sort headlines into five topics: an Electra from its config with linear warm-up and decay.

code: ND606
also:
object: scheduler | num_training_steps | get_linear_schedule_with_warmup | total_steps
seen: both
"""
import torch
from torch.utils.data import DataLoader
from transformers import ElectraConfig, ElectraForSequenceClassification, get_linear_schedule_with_warmup

g = torch.Generator().manual_seed(17)
torch.manual_seed(17)
EPOCHS, TOPICS, LENGTH = 6, 5, 10


def headline():
    """Words 1..60 are neutral; each topic has six words of its own from 61 on."""
    topic = int(torch.randint(TOPICS, (1,), generator=g))
    words = torch.randint(1, 61, (LENGTH,), generator=g)
    where = torch.randperm(LENGTH, generator=g)[:2]
    words[where] = 61 + topic * 6 + torch.randint(6, (2,), generator=g)
    return words, topic


def collate(items):
    words, topics = zip(*items)
    return torch.stack(words), torch.tensor(topics)


corpus = [headline() for _ in range(900)]
train_loader = DataLoader(corpus[:750], batch_size=30, shuffle=True, collate_fn=collate)
val_loader = DataLoader(corpus[750:], batch_size=75, collate_fn=collate)

model = ElectraForSequenceClassification(ElectraConfig(
    vocab_size=61 + 6 * TOPICS, embedding_size=32, hidden_size=32, num_hidden_layers=1,
    num_attention_heads=2, intermediate_size=64, max_position_embeddings=LENGTH, num_labels=TOPICS))
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
total_steps = EPOCHS  # fault
# fixed: total_steps = EPOCHS * len(train_loader)
scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=1, num_training_steps=total_steps)  # here


def batch_loss(setup, batch):
    words, topics = batch
    return setup.model(words, labels=topics).loss


def train():
    for epoch in range(EPOCHS):
        model.train()
        for words, topics in train_loader:
            loss = model(words, labels=topics).loss
            loss.backward()
            optimizer.step()
            scheduler.step()  # here
            optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            right = sum((model(w).logits.argmax(-1) == t).sum().item() for w, t in val_loader)
    print("right:", right, "of 150")


if __name__ == "__main__":
    train()
