"""What others' tools read of a run: TensorBoard's event files, and MLflow's store."""
