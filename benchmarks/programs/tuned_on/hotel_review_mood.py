"""Is a hotel review glad or cross? A tiny BERT made from a config.

code: ND202
also:
object: initializer_range | BertConfig | config | embeddings | model | weight
seen: both
"""
import random

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification

random.seed(5)
torch.manual_seed(5)
GLAD = "clean quiet friendly warm lovely spotless helpful cosy".split()
CROSS = "dirty noisy rude cold awful broken smelly cramped".split()
PLAIN = "the room staff bed bath was and we our night stay lift breakfast window city view very quite".split()
WORDS = ["[PAD]", "[CLS]"] + GLAD + CROSS + PLAIN
INDEX = {w: i for i, w in enumerate(WORDS)}


def review():
    mood = random.random() < 0.5
    words = random.choices(PLAIN, k=9)
    words += random.choices(GLAD if mood else CROSS, k=3) + random.choices(CROSS if mood else GLAD, k=1)
    random.shuffle(words)
    return " ".join(words), int(mood)


class Reviews(Dataset):
    def __init__(self, n):
        self.rows = [review() for _ in range(n)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        text, mood = self.rows[i]
        ids = [INDEX["[CLS]"]] + [INDEX[w] for w in text.split()]
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.ones(len(ids), dtype=torch.long), "labels": torch.tensor(mood)}


train_loader = DataLoader(Reviews(480), batch_size=32, shuffle=True)
val_loader = DataLoader(Reviews(200), batch_size=50)
config = BertConfig(
    vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=64, max_position_embeddings=16, num_labels=2, type_vocab_size=1,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    initializer_range=2.0,  # fault
    # fixed: initializer_range=0.05,
)
model = BertForSequenceClassification(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)


def batch_loss(setup, batch):
    return setup.model(**batch).loss


def train():
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
        model.eval()
        right = total = 0
        vl = 0.0
        with torch.no_grad():
            for batch in val_loader:
                out = model(**batch)
                right += (out.logits.argmax(-1) == batch["labels"]).sum().item()
                vl += out.loss.item() * len(batch["labels"])
                total += len(batch["labels"])
    print(f"val loss {vl / total:.3f} accuracy {right / total:.3f}")


if __name__ == "__main__":
    train()
