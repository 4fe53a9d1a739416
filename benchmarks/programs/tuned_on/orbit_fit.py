"""A neural surrogate of a pendulum-like orbit: (angle, speed, torque) -> acceleration and energy.

code: ND603
also:
object: optimizer | zero_grad
seen: watch
"""
import torch

torch.manual_seed(4)
state = torch.rand(1500, 3) * 4 - 2
acc = torch.stack([-torch.sin(state[:, 0]) - 0.1 * state[:, 1] + 0.5 * state[:, 2],
                   0.5 * state[:, 1] ** 2 - torch.cos(state[:, 0])], 1)
state = state / state.std(0)
acc = (acc - acc.mean(0)) / acc.std(0)

train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(state[:1200], acc[:1200]), batch_size=30, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(state[1200:], acc[1200:]), batch_size=100)


def mlp(*sizes):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(a, b), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


model = mlp(3, 40, 40, 2)
loss_fn = torch.nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def run(loader, learn):
    model.train(learn)
    total = 0.0
    with torch.set_grad_enabled(learn):
        if learn:
            optimizer.zero_grad()  # here
        for s, a in loader:
            err = loss_fn(model(s), a)
            total += err.item() * len(s)
            if learn:
                err.backward()  # fault
                # fixed: optimizer.zero_grad()
                # fixed: err.backward()
                optimizer.step()  # here
    return total / len(loader.dataset)


def train():
    for epoch in range(8):
        tr, va = run(train_loader, True), run(val_loader, False)
        print(f"{epoch} {tr:.4f} {va:.4f}")
    return tr


if __name__ == "__main__":
    train()
