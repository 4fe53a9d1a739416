"""Next song from the songs of a playlist: a sparse EmbeddingBag with its own optimizer.

code: none
trait: sparse gradients, SparseAdam beside Adam, most embedding rows have no gradient in a step
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SONGS, GENRES, LISTED = 400, 8, 12


class Playlists(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.genre = torch.randint(GENRES, (n,), generator=g)
        own = torch.randint(SONGS // GENRES, (n, LISTED), generator=g) * GENRES + self.genre[:, None]
        other = torch.randint(SONGS, (n, LISTED), generator=g)
        self.songs = torch.where(torch.rand(n, LISTED, generator=g) < 0.6, own, other)

    def __len__(self):
        return len(self.genre)

    def __getitem__(self, i):
        return self.songs[i], self.genre[i]


class PlaylistModel(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.songs = nn.EmbeddingBag(SONGS, dim, mode="mean", sparse=True)
        self.head = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, GENRES))

    def forward(self, songs):
        return self.head(self.songs(songs))


torch.manual_seed(10)
model = PlaylistModel()
loss_fn = nn.CrossEntropyLoss()
optimizer = (torch.optim.SparseAdam(list(model.songs.parameters()), lr=1e-2), torch.optim.Adam(model.head.parameters(), lr=5e-3))
train_loader = DataLoader(Playlists(1200, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(Playlists(300, 2), batch_size=100)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for songs, genre in train_loader:
            for o in optimizer:
                o.zero_grad()
            loss = loss_fn(model(songs), genre)
            loss.backward()
            for o in optimizer:
                o.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(s).argmax(1) == g).sum().item() for s, g in val_loader) / 300
        print(epoch, sum(losses) / len(losses), acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
