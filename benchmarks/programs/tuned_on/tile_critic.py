"""Generates the height profiles of ceramic tiles with a Wasserstein GAN (gradient penalty).

code: none
trait: negative loss that is legal, two optimizers, critic trained more often than the generator, create_graph in the penalty
"""
import math

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(44)
LATENT, POINTS, N_CRITIC, LAMBDA = 6, 16, 3, 10.0


def profiles(n):
    t = torch.linspace(0, 1, POINTS)
    phase, height = 2 * math.pi * torch.rand(n, 1), 0.8 + 0.4 * torch.rand(n, 1)
    return height * torch.sin(2 * math.pi * t + phase) + 0.05 * torch.randn(n, POINTS)


class WGAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(LATENT, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, POINTS))
        self.critic = nn.Sequential(nn.Linear(POINTS, 48), nn.LeakyReLU(0.2), nn.Linear(48, 48), nn.LeakyReLU(0.2), nn.Linear(48, 1))

    def forward(self, z):
        return self.generator(z)

    def penalty(self, real, fake):
        mix = torch.rand(len(real), 1)
        between = (mix * real + (1 - mix) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        return ((slope.norm(2, dim=1) - 1) ** 2).mean()

    def critic_loss(self, real):
        with torch.no_grad():
            fake = self.generator(torch.randn(len(real), LATENT))
        return self.critic(fake).mean() - self.critic(real).mean() + LAMBDA * self.penalty(real, fake)

    def generator_loss(self, n):
        still = {name: p.detach() for name, p in self.critic.named_parameters()}
        return -functional_call(self.critic, still, self.generator(torch.randn(n, LATENT))).mean()


train_loader = DataLoader(TensorDataset(profiles(960)), batch_size=64, shuffle=True, drop_last=True)
model = WGAN()
loss_fn = None
critic_optimizer = torch.optim.Adam(model.critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
generator_optimizer = torch.optim.Adam(model.generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
optimizer = (critic_optimizer, generator_optimizer)


def batch_loss(setup, batch):
    return setup.model.critic_loss(batch[0]) + setup.model.generator_loss(len(batch[0]))


def train(epochs=14):
    step = 0
    for epoch in range(epochs):
        critic_total = 0.0
        for (real,) in train_loader:
            critic_optimizer.zero_grad()
            loss = model.critic_loss(real)
            loss.backward()
            critic_optimizer.step()
            critic_total += loss.item()
            step += 1
            if step % N_CRITIC == 0:
                generator_optimizer.zero_grad()
                model.generator_loss(len(real)).backward()
                generator_optimizer.step()
        print(f"epoch {epoch}: critic {critic_total / len(train_loader):.4f}")
    return critic_total / len(train_loader)


if __name__ == "__main__":
    print(train())
