"""What a label column means, and how well answers agree with it."""
