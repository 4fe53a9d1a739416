"""A tiny T5 writes small numbers as Roman numerals.

code: none
trait: the warm-up starts at a learning rate of exactly 0, so the first step moves nothing; labels are padded with -100
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import T5Config, T5ForConditionalGeneration, get_linear_schedule_with_warmup

torch.manual_seed(1)
PAD, END = 0, 1
LETTERS = {c: i + 12 for i, c in enumerate("IVXLC")}


def roman(n):
    text = ""
    for value, sign in [(100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]:
        text += sign * (n // value)
        n %= value
    return text


class Numerals(Dataset):
    def __init__(self, numbers):
        self.numbers = numbers

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, i):
        n = self.numbers[i]
        return [int(c) + 2 for c in f"{n:03d}"] + [END], [LETTERS[c] for c in roman(n)] + [END]


def collate(rows):
    sources, targets = zip(*rows)
    longest = max(map(len, targets))
    return {
        "input_ids": torch.tensor(sources),
        "attention_mask": torch.ones(len(rows), 4, dtype=torch.long),
        "labels": torch.tensor([t + [-100] * (longest - len(t)) for t in targets]),
    }


order = (torch.randperm(399) + 1).tolist()
train_loader = DataLoader(Numerals(order[:340]), batch_size=34, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Numerals(order[340:]), batch_size=59, collate_fn=collate)
model = T5ForConditionalGeneration(T5Config(
    vocab_size=20, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_decoder_layers=1, num_heads=4, dropout_rate=0.0,
    relative_attention_num_buckets=8, decoder_start_token_id=PAD, pad_token_id=PAD, eos_token_id=END))
EPOCHS = 15
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=10, num_training_steps=EPOCHS * len(train_loader))


def train():
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
