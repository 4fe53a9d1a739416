"""Ranks on this machine: the server they are forked from, how they start, the store they meet in, and the thread that looks after them."""
