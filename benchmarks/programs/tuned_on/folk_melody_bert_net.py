"""Learn to continue folk melodies note by note with a small BERT used as a language model.

code: ND302
also:
object: is_decoder | config | BertConfig | BertLMHeadModel | model | attention
seen: both
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertLMHeadModel

torch.manual_seed(3)
NOTES, BARS = 13, 12


class Melodies(Dataset):
    """Walks on a scale of 12 notes; the step depends on the two notes before."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        tune = torch.randint(1, NOTES, (n, BARS), generator=g)
        for t in range(2, BARS):
            step = 1 + (tune[:, t - 1] > tune[:, t - 2]).long()
            step = torch.where(torch.rand(n, generator=g) < 0.1, 5, step)
            tune[:, t] = (tune[:, t - 1] - 1 + step) % (NOTES - 1) + 1
        self.tune = tune

    def __len__(self):
        return len(self.tune)

    def __getitem__(self, i):
        return {"input_ids": self.tune[i], "labels": self.tune[i]}


train_loader = DataLoader(Melodies(600, 1), batch_size=30, shuffle=True)
val_loader = DataLoader(Melodies(150, 2), batch_size=75)
config = BertConfig(vocab_size=NOTES, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                    intermediate_size=96, max_position_embeddings=BARS, type_vocab_size=1,
                    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                    is_decoder=False)  # fault
                    # fixed: is_decoder=True)
model = BertLMHeadModel(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return setup.model(**batch).loss  # here


class Setup:
    model = model


def train():
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(Setup, batch)
            loss.backward()
            optimizer.step()
    model.eval()
    right = total = 0
    with torch.no_grad():
        for batch in val_loader:  # what it is for: hear the beginning, guess the next note
            tune = batch["input_ids"]
            for t in range(4, BARS):
                guess = model(input_ids=tune[:, :t]).logits[:, -1].argmax(-1)
                right, total = right + (guess == tune[:, t]).sum().item(), total + len(tune)
    print("training loss", loss.item(), "next notes right:", right / total)


if __name__ == "__main__":
    train()
