"""A failing training as a short program: the user's classes, the model as it is, the samples, a loop."""

from nbdebug.instruments.overfit.written.script import script_of

__all__ = ["script_of"]
