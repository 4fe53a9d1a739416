"""A tiny T5 that copies the marked tokens of a sequence, most significant first.

code: none
trait: variable-length targets padded with -100, a shared embedding in encoder and decoder
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from transformers import T5Config, T5ForConditionalGeneration

PAD, EOS, MARK, FIRST, VOCAB = 0, 1, 2, 3, 20


class Marked(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.rows = []
        for _ in range(n):
            source, target = [], []
            for _ in range(int(torch.randint(5, 9, (), generator=g))):
                token = int(torch.randint(FIRST, VOCAB, (), generator=g))
                if torch.rand((), generator=g) < 0.4:
                    source.append(MARK)
                    target.append(token)
                source.append(token)
            self.rows.append((torch.tensor(source + [EOS]), torch.tensor(target + [EOS])))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    source = pad_sequence([s for s, _ in rows], batch_first=True, padding_value=PAD)
    labels = pad_sequence([t for _, t in rows], batch_first=True, padding_value=-100)
    return {"input_ids": source, "attention_mask": (source != PAD).long(), "labels": labels}


torch.manual_seed(67)
config = T5Config(vocab_size=VOCAB, d_model=48, d_kv=12, d_ff=96, num_layers=2, num_decoder_layers=2, num_heads=4,
                  relative_attention_num_buckets=16, dropout_rate=0.0, pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=PAD)
model = T5ForConditionalGeneration(config)
train_loader = DataLoader(Marked(1200, 1), batch_size=25, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Marked(100, 2), batch_size=50, collate_fn=collate)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(3):
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
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(epoch, sum(losses) / len(losses), val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
