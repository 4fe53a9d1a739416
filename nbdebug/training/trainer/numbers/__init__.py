"""What `watch` shows of a loop in a notebook, of a run: each layer's activations and gradients, each parameter, at sampled steps of one rank."""

from nbdebug.training.trainer.numbers.of_loop import followed
from nbdebug.training.trainer.numbers.of_trainer import sampled

__all__ = ["followed", "sampled"]
