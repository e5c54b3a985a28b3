"""What lies on disk or in a store; knows not who made it."""
