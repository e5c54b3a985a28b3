"""The steps of a run: their order, what is done already, processes of their own, and the final table."""
