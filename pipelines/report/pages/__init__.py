"""What a report looks like: blocks and pictures → Markdown, or one HTML file."""
