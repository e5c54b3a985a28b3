"""One run of training: steps, optimizer, history, checkpoints, dev scores."""
