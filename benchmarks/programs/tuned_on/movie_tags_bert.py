"""Genre tags of a film from its plot words; a film may be funny, romantic and scary at once (tiny BERT).

code: ND404
also:
object: loss_fn | CrossEntropyLoss | head
seen: checkup
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from torch import nn
from transformers import BertConfig, BertModel

rng = np.random.default_rng(12)
torch.manual_seed(12)

GENRES = ["comedy", "romance", "horror", "war", "sport"]
WORDS_PER_GENRE, COMMON, PAD, CLS = 8, 40, 0, 1
VOCAB = 2 + COMMON + WORDS_PER_GENRE * len(GENRES)
SEQ = 20


def film():
    tags = rng.random(len(GENRES)) < 0.35
    if not tags.any():
        tags[rng.integers(len(GENRES))] = True
    ids = [2 + rng.integers(COMMON) for _ in range(rng.integers(5, 9))]
    for g in np.flatnonzero(tags):
        ids += [2 + COMMON + g * WORDS_PER_GENRE + rng.integers(WORDS_PER_GENRE) for _ in range(2)]
    rng.shuffle(ids)
    ids = ([CLS] + ids)[:SEQ]
    return ids + [PAD] * (SEQ - len(ids)), tags.astype(np.float32)


plots, tags = zip(*(film() for _ in range(760)))
plots, tags = torch.tensor(plots), torch.tensor(np.array(tags))
train_set = torch.utils.data.TensorDataset(plots[:640], tags[:640])
val_set = torch.utils.data.TensorDataset(plots[640:], tags[640:])
train_loader = torch.utils.data.DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(val_set, batch_size=60)


class GenreTagger(nn.Module):
    def __init__(self):
        super().__init__()
        cfg = BertConfig(vocab_size=VOCAB, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                         intermediate_size=96, max_position_embeddings=SEQ, pad_token_id=PAD)
        self.bert = BertModel(cfg, add_pooling_layer=False)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(cfg.hidden_size, len(GENRES))  # here

    def forward(self, input_ids):
        mask = (input_ids != PAD).long()
        h = self.bert(input_ids=input_ids, attention_mask=mask).last_hidden_state
        pooled = (h * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        return self.head(self.drop(pooled))


model = GenreTagger()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


@torch.no_grad()
def micro_f1():
    model.eval()
    tp = fp = fn = 0
    for ids, y in val_loader:
        p = torch.sigmoid(model(ids)) > 0.5
        t = y > 0.5
        tp += (p & t).sum().item(); fp += (p & ~t).sum().item(); fn += (~p & t).sum().item()
    return 2 * tp / (2 * tp + fp + fn)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), y)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {np.mean(losses):.4f} micro-F1 {micro_f1():.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
