"""Spam filter for SMS with a small BERT whose weights are kept in bfloat16 to save memory.

code: ND807
also: ND605
object: model | optimizer | torch_dtype | bfloat16 | bert
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification, set_seed

set_seed(19)
SPAM_WORDS, HAM_WORDS, COMMON = range(5, 25), range(25, 45), range(45, 100)


def sms(n, seed):
    g = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(n):
        label = int(torch.randint(2, (1,), generator=g))
        own = torch.tensor(list(SPAM_WORDS if label else HAM_WORDS))
        other = torch.tensor(list(COMMON))
        words = [own[torch.randint(20, (4,), generator=g)], other[torch.randint(55, (7,), generator=g)]]
        words = torch.cat(words)[torch.randperm(11, generator=g)]
        rows.append({"input_ids": torch.cat([torch.tensor([1]), words]), "labels": torch.tensor(label)})
    return rows


train_loader = DataLoader(sms(800, seed=1), batch_size=16, shuffle=True)
val_loader = DataLoader(sms(200, seed=2), batch_size=100)

config = BertConfig(vocab_size=100, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=64, max_position_embeddings=16, num_labels=2, initializer_range=0.1,
                    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
model = BertForSequenceClassification(config)
model = model.to(torch.bfloat16)  # fault
# fixed:
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4, weight_decay=0.01)  # here
loss_fn = None


@torch.no_grad()
def accuracy():
    model.eval()
    hits = [(model(input_ids=b["input_ids"]).logits.argmax(-1) == b["labels"]).float() for b in val_loader]
    return torch.cat(hits).mean().item()


def train(num_epochs=4):
    for epoch in range(num_epochs):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()  # here
            optimizer.zero_grad()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f} accuracy {accuracy():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
