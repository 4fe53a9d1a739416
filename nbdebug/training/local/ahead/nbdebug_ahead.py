"""Imported first by the server that ranks are forked from: what is imported stays, and looking for garbage in it takes a tenth of the time."""

import gc
import os

if "NBDEBUG_SERVER" in os.environ:  # in the server alone
    gc.disable()
