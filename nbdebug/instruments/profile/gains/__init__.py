"""What might be gained: each candidate is switched on and off beside the step as it is, on borrowed weights."""

from nbdebug.instruments.profile.gains.candidate import Candidate
from nbdebug.instruments.profile.gains.tried import Judge

__all__ = ["Candidate", "Judge"]
