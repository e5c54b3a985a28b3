"""Side-by-side measurements of speed, memory and scale, each one command."""
