"""Next note of endless folk songs: sixteen songs side by side, truncated backpropagation through time.

code: none
trait: chunks come in order and unshuffled because the hidden state is carried over (detached) from chunk to chunk
"""
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(18)
NOTES, SONGS, CHUNK = 12, 16, 16


def songs(length, songs=SONGS):
    note = torch.randint(0, NOTES, (songs,))
    direction = torch.randint(0, 2, (songs,)) * 2 - 1
    out = []
    for _ in range(length + 1):
        out.append(note)
        direction = torch.where(torch.rand(songs) < 0.1, -direction, direction)
        note = (note + 2 * direction) % NOTES
    return torch.stack(out, 1)


def chunks(track):
    return [(track[:, i:i + CHUNK], track[:, i + 1:i + CHUNK + 1]) for i in range(0, track.shape[1] - CHUNK, CHUNK)]


class Tune(nn.Module):
    def __init__(self):
        super().__init__()
        self.note = nn.Embedding(NOTES, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.out = nn.Linear(32, NOTES)

    def forward(self, notes, state=None):
        h, state = self.lstm(self.note(notes), state)
        return self.out(h), state


train_loader = DataLoader(chunks(songs(CHUNK * 25)), batch_size=None)
val_loader = DataLoader(chunks(songs(CHUNK * 5)), batch_size=None)
model = Tune()
cross_entropy = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    notes, following = batch
    logits, _ = setup.model(notes)
    return cross_entropy(logits.flatten(0, 1), following.flatten())


def run(loader, learn):
    state, total = None, 0.0
    for notes, following in loader:
        logits, state = model(notes, state)
        state = tuple(s.detach() for s in state)
        loss = cross_entropy(logits.flatten(0, 1), following.flatten())
        if learn:
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        total += loss.item()
    return total / len(loader)


def train():
    for epoch in range(8):
        model.train()
        loss = run(train_loader, True)
        model.eval()
        with torch.no_grad():
            val = run(val_loader, False)
        print(epoch, loss, val)
    return loss


if __name__ == "__main__":
    print(train())
