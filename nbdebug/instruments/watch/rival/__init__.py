"""What a plain rival makes of the samples that a training stands still on."""

from nbdebug.instruments.watch.rival.asking import asked

__all__ = ["asked"]
