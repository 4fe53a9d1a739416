"""What loss and first layers get of the data: a reading of the loaders with the model at hand."""
