"""What is watched while something runs: the machine, its memory and GPU, and the functions that are called."""
