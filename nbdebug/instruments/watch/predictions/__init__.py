"""What the model says of one fixed batch, again and again while it is trained."""
