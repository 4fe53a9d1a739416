"""Behaviour cloning: a policy imitates a club player's opening replies.

code: ND401
also: ND402
object: policy | pi | Categorical | dist
seen: checkup
"""
import torch
import torch.nn as nn
from torch.distributions import Categorical

MOVES = 12


class Policy(nn.Module):
    def __init__(self, squares=64, hidden=64):
        super().__init__()
        self.torso = nn.Sequential(nn.Linear(squares, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.pi = nn.Linear(hidden, MOVES)
        self.probs = nn.Softmax(dim=-1)

    def forward(self, board):
        return self.probs(self.pi(self.torso(board)))  # here

    def act(self, board):
        return Categorical(probs=self(board)).sample()


def games(n):
    teacher = torch.randn(64, MOVES, generator=torch.Generator().manual_seed(0))
    board = torch.randint(-1, 2, (n, 64)).float()
    return board, (board @ teacher).argmax(1)


def imitation(policy, board, move):
    dist = Categorical(logits=policy(board))  # fault
    # fixed: dist = Categorical(probs=policy(board))
    return -dist.log_prob(move).mean() - 1e-3 * dist.entropy().mean()


def batch_loss(setup, batch):
    board, move = batch
    return imitation(setup.model, board, move)  # here


torch.manual_seed(12)
model = policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=2e-3)
boards, moves = games(3300)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(boards[:3000], moves[:3000]), batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(boards[3000:], moves[3000:]), batch_size=100)


def train():
    class Ctx: model = policy
    recent = []
    for epoch in range(7):
        policy.train()
        for batch in train_loader:
            loss = batch_loss(Ctx, batch)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            recent = (recent + [loss.item()])[-20:]
        policy.eval()
        with torch.no_grad():
            agree = torch.cat([policy(b).argmax(1) == m for b, m in val_loader]).float().mean()
        print(epoch, round(sum(recent) / len(recent), 3), round(agree.item(), 3))
    return sum(recent) / len(recent)


if __name__ == "__main__":
    print(train())
