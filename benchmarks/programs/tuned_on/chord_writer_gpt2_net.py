"""A tiny GPT-2 that continues chord progressions.

code: ND202
also: ND406
object: initializer_range | config | GPT2Config | wte | wpe
seen: both
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(11)
CHORDS = ["C", "Dm", "Em", "F", "G", "Am", "Bb", "E7", "A7", "D7", "Fm", "Cmaj7"]
FOLLOW = torch.randint(0, len(CHORDS), (len(CHORDS), 3))


class Progressions(Dataset):
    """Songs: each chord is followed by one of three others, the first one most of the time."""

    def __init__(self, songs, length=16):
        rows = torch.empty(songs, length, dtype=torch.long)
        rows[:, 0] = torch.randint(0, len(CHORDS), (songs,))
        for t in range(1, length):
            pick = torch.multinomial(torch.tensor([0.85, 0.1, 0.05]), songs, replacement=True)
            rows[:, t] = FOLLOW[rows[:, t - 1], pick]
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


train_loader = DataLoader(Progressions(500), batch_size=25, shuffle=True)
val_loader = DataLoader(Progressions(100), batch_size=50)
config = GPT2Config(
    vocab_size=len(CHORDS),
    n_positions=16,
    n_embd=48,
    n_layer=2,
    n_head=4,
    bos_token_id=0,
    eos_token_id=0,
    initializer_range=1.0,  # fault
    # fixed: initializer_range=0.02,
)
model = GPT2LMHeadModel(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)


def batch_loss(setup, batch):
    return setup.model(input_ids=batch, labels=batch).loss


class Setup:
    model = model


def train():
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(Setup, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    model.eval()
    with torch.no_grad():
        losses = [batch_loss(Setup, b).item() for b in val_loader]
    print("val loss per chord", sum(losses) / len(losses))


if __name__ == "__main__":
    train()
