"""The five stages of an augmentation, each from files to files."""
