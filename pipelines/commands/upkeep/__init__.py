"""The commands that look after a directory: inspect, verify, repair, pull, gc."""
