"""What checks files that nobody trusts, before any library opens them."""
