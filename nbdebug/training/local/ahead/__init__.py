"""A place of its own on the path of the server that ranks are forked from: what is imported there before anything else."""
