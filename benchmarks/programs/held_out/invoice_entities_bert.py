"""Marks amounts and names in invoice lines: token classification with a bidirectional encoder.

code: none
trait: every output sees later positions (right for tagging); padded places are labelled -100; labels correlate with their own input token
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForTokenClassification

torch.manual_seed(440)
PAD, CURRENCY, TITLE, WORDS = 0, 1, 2, 24
LABELS = ["O", "AMOUNT", "NAME"]


def line(g):
    n = int(torch.randint(8, 13, (1,), generator=g))
    ids = torch.randint(3, WORDS, (n,), generator=g)
    tags = torch.zeros(n, dtype=torch.long)
    spots = torch.randperm(n // 2, generator=g)[:4] * 2
    ids[spots[:2] + 1], tags[spots[:2]] = CURRENCY, 1   # the amount stands before its currency
    ids[spots[2:]], tags[spots[2:] + 1] = TITLE, 2      # the name stands after its title
    return ids, tags


def collate(lines):
    ids = pad_sequence([i for i, _ in lines], batch_first=True, padding_value=PAD)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(),
            "labels": pad_sequence([t for _, t in lines], batch_first=True, padding_value=-100)}


g = torch.Generator().manual_seed(3)
train_loader = DataLoader([line(g) for _ in range(600)], batch_size=30, shuffle=True, collate_fn=collate)
val_loader = DataLoader([line(g) for _ in range(120)], batch_size=40, collate_fn=collate)
model = BertForTokenClassification(BertConfig(vocab_size=WORDS, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
                                              max_position_embeddings=20, num_labels=len(LABELS),
                                              hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)


class Tagger:
    def __init__(self, epochs=6):
        self.epochs = epochs

    def fit(self):
        for epoch in range(self.epochs):
            model.train()
            total = 0.0
            for batch in train_loader:
                out = model(**batch)
                optimizer.zero_grad()
                out.loss.backward()
                optimizer.step()
                total += out.loss.item()
            print(epoch, total / len(train_loader), self.recall())
        return total / len(train_loader)

    @torch.no_grad()
    def recall(self):
        model.eval()
        found = wanted = 0
        for b in val_loader:
            guess = model(input_ids=b["input_ids"], attention_mask=b["attention_mask"]).logits.argmax(-1)
            real = b["labels"] > 0
            found += (guess == b["labels"])[real].sum().item()
            wanted += real.sum().item()
        return found / wanted


def train():
    return Tagger().fit()


if __name__ == "__main__":
    print(train())
