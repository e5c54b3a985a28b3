"""The embedded reviews of the demo, and the script that cut them."""
