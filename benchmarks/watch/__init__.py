"""What a machine is and does meanwhile: processor, memory, GPU."""
