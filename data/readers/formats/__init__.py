"""One file a format, and how a text file is cut into lines and cells."""
