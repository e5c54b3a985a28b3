"""Numbers chosen from the data and from the time there is, each with its reason in a sentence."""
