"""Beyond this machine, on engines that are there already: a folder that torchrun runs, alone, on several nodes or under SLURM."""
