"""What people see of a cache."""
