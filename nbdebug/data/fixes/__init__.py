"""What to do about it, as code to paste; every piece was run before it is shown."""

from nbdebug.data.fixes.fix import Fix
from nbdebug.data.fixes.fixes import FixLook, fixes

__all__ = ["Fix", "FixLook", "fixes"]
