"""Where the first NaN or Inf of a training step is born: the tripwire, the step again, operator by operator, and the blame."""
