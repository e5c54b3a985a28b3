"""What a person sees: results, progress, log lines, errors and exit codes."""
