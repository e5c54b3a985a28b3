"""Who works at an augmentation: processes, machines, and the work directory that they share."""
