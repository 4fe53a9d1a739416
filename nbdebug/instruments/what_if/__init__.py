"""Would it learn with one thing changed: a lower rate, no decay, no dropout?"""

from nbdebug.instruments.what_if import checks  # noqa: F401  they register
from nbdebug.instruments.what_if.instrument import what_if
from nbdebug.instruments.what_if.result import WhatIf

__all__ = ["WhatIf", "what_if"]
