"""Enzyme classes of peptide strings with a small ALBERT.

code: none
trait: one transformer layer applied several times on purpose (ALBERT's shared group)
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import AlbertConfig, AlbertForSequenceClassification

AMINO, LENGTH, CLASSES = 20, 18, 3


class Peptides(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        motifs = torch.tensor([[3, 7, 11, 2], [5, 14, 9, 16], [12, 1, 18, 6]])
        self.kind = torch.randint(CLASSES, (n,), generator=g)
        self.chain = torch.randint(AMINO, (n, LENGTH), generator=g)
        for row in range(n):
            for start in (int(torch.randint(0, 5, (), generator=g)), int(torch.randint(9, 14, (), generator=g))):
                self.chain[row, start:start + 4] = motifs[self.kind[row]]

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        ids = torch.cat([torch.tensor([AMINO + 1]), self.chain[i]])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": self.kind[i]}


torch.manual_seed(5)
config = AlbertConfig(vocab_size=AMINO + 2, embedding_size=24, hidden_size=48, num_hidden_layers=3, num_hidden_groups=1,
                      num_attention_heads=4, intermediate_size=96, max_position_embeddings=24, num_labels=CLASSES,
                      classifier_dropout_prob=0.1, initializer_range=0.08, pad_token_id=AMINO, bos_token_id=AMINO + 1, eos_token_id=AMINO + 1)
model = AlbertForSequenceClassification(config)
train_loader = DataLoader(Peptides(480, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Peptides(120, 2), batch_size=60)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(**b).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader) / 120
        print(epoch, sum(losses) / len(losses), acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
